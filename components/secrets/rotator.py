"""The rotator of static secrets.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs

from components.secrets.client import Client, run
from components.secrets.names import KV, ROTATOR
from components.workload import refuse_other_than_digest


@dataclass(frozen=True, kw_only=True)
class RotatorArgs:
    """`image`: by digest. `round_seconds`: how often it looks at all secrets."""

    environment: str
    image: pulumi.Input[str]
    round_seconds: int = 30

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class Rotator(pulumi.ComponentResource):
    """One process, whose account may put new values beside old ones, and nothing else."""

    def __init__(self, name: str, args: RotatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Rotator", name, None, opts)
        client = Client(
            name=ROTATOR,
            image=args.image,
            settings={"OPENBAO_MOUNT": KV, "ROUND_SECONDS": str(args.round_seconds)},
            resources=ResourceRequirementsArgs(
                requests={"cpu": "10m", "memory": "48Mi"}, limits={"cpu": "200m", "memory": "96Mi"}
            ),
            drain_seconds=10,
        )
        run(self, name, args.environment, client)
        self.register_outputs({})
