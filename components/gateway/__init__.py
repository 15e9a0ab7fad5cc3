"""The way in: the gateway, who is let through it, and how often.  (docs/gateway.md)"""
