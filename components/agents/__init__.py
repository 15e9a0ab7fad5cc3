"""Agents: their manifest, and what it becomes in a cluster."""
