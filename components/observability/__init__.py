"""What is seen of an environment: metrics, logs, traces, alarms.  (docs/observability.md)"""
