"""What experiments do to an environment of this machine, and ask it: a module for each kind.  (docs/resilience.md)

Each takes only what the experiment says. Whatever is done has a function beside it that undoes it and that can be run
when nothing was done, so that a roll-back is always safe.
"""
