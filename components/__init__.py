"""Reusable Pulumi components, by capability."""
