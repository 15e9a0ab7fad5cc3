"""A tenant's life: added, suspended, resumed, exported, imported, deleted.  (docs/tenants.md)"""
