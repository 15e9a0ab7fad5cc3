"""Waiting until an object is ready, with the reason when it does not get there: one state machine per kind."""
