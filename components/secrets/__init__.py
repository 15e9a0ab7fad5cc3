"""Secrets: OpenBao, External Secrets, and what is done to them day by day.  (docs/secrets.md)"""
