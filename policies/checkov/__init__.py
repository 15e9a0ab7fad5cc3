"""checkov over a Pulumi stack: it knows Terraform plans and manifests, so a stack is written as these."""
