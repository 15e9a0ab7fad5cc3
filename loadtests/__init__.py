"""Load on a running environment, and the gate that turns a run into a verdict.  (docs/load.md)"""
