"""Data: the stores that run in the cluster, and those that AWS keeps."""
