"""The Pulumi policy pack: one policy a file."""
