"""The Pulumi provider plugin `kubernetes`, for machines where the vendor's is missing.  (docs/kubernetes-plugin.md)"""
