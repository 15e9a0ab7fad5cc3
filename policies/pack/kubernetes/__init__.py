"""Policies about Kubernetes objects."""
