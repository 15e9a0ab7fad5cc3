"""Data that AWS keeps for the platform: PostgreSQL, cache, backups.  (docs/aws.md)"""
