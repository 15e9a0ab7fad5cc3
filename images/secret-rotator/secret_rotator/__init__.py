"""Rotates static secrets in OpenBao on their schedule, and says when each ends.  (docs/secrets.md)"""
