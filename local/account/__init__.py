"""The emulated AWS account of a rehearsal: moto's server, and what it lacks (docs/rehearsal.md)."""
