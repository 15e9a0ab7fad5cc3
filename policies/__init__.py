"""Policy gates: one rule, enforced before, during and after a change.  (docs/policies.md)"""
