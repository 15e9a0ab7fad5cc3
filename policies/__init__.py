"""Policy gates: one rule, enforced before (the pack, checkov), during (admission) and after a change.  (docs/policies.md)"""
