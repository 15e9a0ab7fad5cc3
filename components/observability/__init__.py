"""Metrics, logs, traces and alerts of everything that an environment runs.  (docs/observability.md)"""
