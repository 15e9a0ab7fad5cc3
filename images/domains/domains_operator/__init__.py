"""Keeps the platform's DNS zones, and gets and renews certificates for its hosts.  (docs/domains.md)"""
