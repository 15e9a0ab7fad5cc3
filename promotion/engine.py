"""`pulumi up` of one environment, its layers and its tenants, and nothing else: no tools, no node, no image is made.

    python -m promotion.engine ENVIRONMENT[.TENANT] [all|platform|tenants|routes]

Run in a work tree, it is that tree's program and that tree's settings that are applied.
"""

from __future__ import annotations

import sys

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from local.engine.operation import Operation
from local.paths import Paths
from local.up import bring_layers, operator_of, require_up, tenants_of, told_first
from promotion.shift import Part
from stacks.preflight import check, check_tenant


def main(place: str, part: Part = Part.ALL) -> None:
    """Of a tenant alone, all is its own stack. Raises UserError where the engine fails."""
    paths = Paths.for_user()
    environment, _, tenant = place.partition(".")
    settings = check(environment)
    operator = operator_of(require_up(environment, paths), paths, PlainProgress())
    operation = Operation.ROUTE if part is Part.ROUTES else Operation.UP
    if tenant:
        check_tenant(environment, tenant)
        operator.run(operation, place)
        return
    if part in {Part.ALL, Part.PLATFORM}:
        told = told_first(operator, environment, settings.layers)
        operator.run_all(Operation.UP, told)
        operator.run(Operation.UP, environment)
        layers = [f"{environment}.{layer}" for layer in settings.layers]
        bring_layers(operator, [layer for layer in layers if layer not in told])
    if part is not Part.PLATFORM:
        operator.run_all(operation, tenants_of(operator, environment, settings.tenants))


if __name__ == "__main__":
    try:
        main(sys.argv[1], *map(Part, sys.argv[2:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
