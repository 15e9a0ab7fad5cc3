"""The provider plugin `aws`: used where the vendor's is missing (docs/aws-plugin.md)."""
