"""Who takes snapshots of OpenBao, and puts them into a bucket.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pulumi
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, ResourceRequirementsArgs, VolumeArgs, VolumeMountArgs

from components.secrets import network
from components.secrets.client import Client, run
from components.secrets.names import SNAPSHOT_PREFIX, SNAPSHOTS
from components.workload import refuse_other_than_digest

COMMAND = ("/opt/rotator/bin/python", "-m", "snapshot_keeper")
_WORK = "/var/lib/snapshots"


@dataclass(frozen=True, kw_only=True)
class SnapshotsArgs:
    """`image`: by digest, the rotator's, which has this program too. `bucket`: its name, in `region`, of `account`.

    `every`: how often; `size`: the largest that one may be.
    """

    environment: str
    image: pulumi.Input[str]
    bucket: str
    region: str
    account: str
    every: timedelta
    size: str = "2Gi"

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class Snapshots(pulumi.ComponentResource):
    """One process, whose account may take snapshots in OpenBao and put them in AWS, and nothing else in either."""

    def __init__(self, name: str, args: SnapshotsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Snapshots", name, None, opts)
        run(self, name, args.environment, _client(args))
        self.register_outputs({})


def _client(args: SnapshotsArgs) -> Client:
    settings = {
        "S3_ENDPOINT": f"https://s3.{args.region}.amazonaws.com",
        "S3_REGION": args.region,
        "S3_BUCKET": args.bucket,
        "S3_ACCOUNT": args.account,
        "S3_PREFIX": SNAPSHOT_PREFIX,
        "SNAPSHOT_SECONDS": f"{args.every.total_seconds():.0f}",
        "TMPDIR": _WORK,
    }
    return Client(
        name=SNAPSHOTS,
        image=args.image,
        command=COMMAND,
        settings=settings,
        resources=ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": "64Mi"}, limits={"cpu": "500m", "memory": "128Mi"}
        ),
        # As long as one that has begun may take.
        drain_seconds=60,
        egress=network.aws_by_identity(),
        volumes=[VolumeArgs(name="work", empty_dir=EmptyDirVolumeSourceArgs(size_limit=args.size))],
        mounts=[VolumeMountArgs(name="work", mount_path=_WORK)],
    )
