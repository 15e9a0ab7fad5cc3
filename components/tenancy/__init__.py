"""Tenants: a namespace each, closed to the others, with a quota and its agents."""
