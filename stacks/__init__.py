"""The Pulumi program: which resources an environment or a tenant is made of."""
