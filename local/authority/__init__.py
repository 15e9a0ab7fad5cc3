"""The mesh's root of trust, kept off the cluster; the cluster has an intermediate.  (docs/mesh.md)"""
