"""The command line, and the few things that every folder shares."""
