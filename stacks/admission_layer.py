"""The layer `admission`: Gatekeeper with the rules of policies/admission.  (docs/admission.md)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from groundwork.errors import UserError
from local.record import Way
from stacks.aws_images import simulates
from stacks.layers import chart

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment


def declare(environment: Environment, opts: pulumi.ResourceOptions) -> None:
    """Declare the layer. What may run are the images of the environment's signed bills, or what was built here.

    In AWS it answers always: in a rehearsal, where no container runs, it is a process beside the control plane.

    Raises UserError where a bill is not to be believed, or lists not all that is to run.
    """
    from components.admission.gatekeeper import Gatekeeper, GatekeeperArgs
    from policies.admission import own, templates

    made = [*templates.manifests(), *own.manifests(images(environment))]
    replicas, cpu = (1, 10) if environment.own_node else (2, 100)
    asked = environment.settings.admission.replicas
    args = GatekeeperArgs(
        environment=environment.name,
        chart=chart("gatekeeper-manager", "gatekeeper"),
        image=environment.image("gatekeeper"),
        rules=list(zip(made[::2], made[1::2], strict=True)),
        exempt=templates.EXEMPT,
        beside=templates.BESIDE_KINDS,
        replicas=asked or replicas,
        cpu=cpu,
        answers=not (environment.own_node and environment.way is Way.SIMULATED),
    )
    Gatekeeper("gatekeeper", args, opts)


def images(environment: Environment) -> list[str]:
    """What may run, by digest. Raises UserError: see `declare`."""
    from stacks.bills import images_of

    rollout = environment.settings.rollout
    # While one bill takes another's place, pods of both may have to start.
    named = {*environment.images.values(), *(rollout.images.values() if rollout is not None else ())}
    bills = environment.settings.bills
    if bills is not None:
        return images_of(bills, named)
    if environment.settings.aws is not None and not simulates():
        raise UserError(
            what="admission lets in what signed bills list, and this environment has none",
            where="groundwork:bills",
            fix="sign one and write it there: groundwork bill create, groundwork bill pin (docs/admission.md)",
        )
    return sorted(named)
