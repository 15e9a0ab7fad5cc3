"""A plugin for `noop`: any resource is made at once, and nothing is done for it. What benches compare with."""
