"""Policies that Gatekeeper can hold a cluster to, by the same ids as the pack's."""
