"""What `pulumi up` runs."""

from stacks import program

program()
