"""What is done to OpenBao from this machine: its life, its set-up, and the verbs of `groundwork vault`."""
