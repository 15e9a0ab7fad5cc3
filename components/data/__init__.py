"""Data: the stores that run in the cluster."""
