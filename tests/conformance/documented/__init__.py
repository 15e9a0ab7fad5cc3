"""Scenarios without a recording: what the vendor's documentation says that a plugin does."""
