"""Puts snapshots of OpenBao where nobody can change them.  (docs/secrets.md)"""
