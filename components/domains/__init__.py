"""Names and certificates: an environment's zones, its wildcard, and tenants' own domains.  (docs/domains.md)"""
