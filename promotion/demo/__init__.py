"""Promotion on the node of this machine: what goes through, and what each gate stops.  (docs/demo.md)"""
