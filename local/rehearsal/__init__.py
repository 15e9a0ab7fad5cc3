"""An AWS environment applied whole on this machine (docs/rehearsal.md)."""
