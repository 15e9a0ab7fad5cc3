"""The Pulumi program: which resources an environment or a tenant is made of."""

from __future__ import annotations


def program() -> None:
    """Declare the current stack. Runs under `pulumi up` and as the Automation API's inline program."""
    import pulumi

    from groundwork.errors import UserError
    from stacks.dispatch import declare

    try:
        declare(pulumi.get_stack())
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
