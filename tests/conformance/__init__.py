"""Holds a Kubernetes provider plugin, ours or the vendor's, to recordings of what the vendor's did."""
