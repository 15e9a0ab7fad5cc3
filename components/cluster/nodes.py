"""Managed node groups, and what a node may do.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_aws import ec2, eks, iam

from components.aws import Scope, child, trust
from components.instances import INSTANCE_TYPES, Architecture
from groundwork.errors import UserError

COMPONENT = "cluster"
AMI_TYPES: Mapping[Architecture, str] = {
    "arm64": "BOTTLEROCKET_ARM_64",
    "x86_64": "BOTTLEROCKET_x86_64",
}
CAPACITY = {"onDemand": "ON_DEMAND", "spot": "SPOT"}
EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
NODE_POLICIES = (
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
# Bottlerocket's own disk, and the one that images and logs are on.
DATA_DEVICE = "/dev/xvdb"


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods away that do not tolerate it."""

    key: str
    value: str
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """A group of like nodes over all zones. `disk`: GiB for images and logs of each."""

    instance_types: Sequence[str]
    min: int
    max: int
    disk: int = 50
    capacity: Literal["onDemand", "spot"] = "onDemand"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.instance_types if name not in INSTANCE_TYPES]
        if unknown or not self.instance_types:
            what = f"instance_types: {unknown[0]!r} is not known" if unknown else "instance_types: there is none"
            raise UserError(what=what, allowed=", ".join(INSTANCE_TYPES))
        if len(self.architectures) > 1:
            raise UserError(what="instance_types: are of two architectures", allowed="Graviton alone, or x86 alone")
        if not 1 <= self.min <= self.max:
            raise UserError(what=f"min {self.min}, max {self.max}", allowed="min from 1, max not below it")

    @property
    def architectures(self) -> set[Architecture]:
        """Of its instance types; one, as the image is one."""
        return {INSTANCE_TYPES[name].architecture for name in self.instance_types}


def node_role(name: str, scope: Scope, parent: pulumi.Resource) -> tuple[iam.Role, list[pulumi.Resource]]:
    """The role of nodes: join the cluster, pull images, be reached by Session Manager. Pods have roles of their own."""
    role = iam.Role(
        f"{name}-node",
        name=scope.name("node"),
        assume_role_policy=trust("ec2.amazonaws.com"),
        tags=scope.tags(COMPONENT),
        opts=child(parent),
    )
    attached: list[pulumi.Resource] = [
        iam.RolePolicyAttachment(
            f"{name}-node-{policy}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=child(parent),
        )
        for policy in NODE_POLICIES
    ]
    return role, attached


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where node groups go. `after`: what a node cannot do without. `security_groups`: of each node."""

    scope: Scope
    cluster_name: pulumi.Input[str]
    version: str
    role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_groups: Sequence[pulumi.Input[str]]
    data_key: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class NodeGroup(pulumi.ComponentResource):
    """One managed group: Bottlerocket, encrypted disks, metadata by token and out of pods' reach."""

    group: eks.NodeGroup

    def __init__(
        self, name: str, short: str, args: NodeGroupArgs, place: Place, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("groundwork:cluster:NodeGroup", name, None, opts)
        template = self._template(name, short, args, place)
        (architecture,) = args.architectures
        self.group = eks.NodeGroup(
            name,
            cluster_name=place.cluster_name,
            node_group_name=short,
            version=place.version,
            node_role_arn=place.role_arn,
            subnet_ids=list(place.subnet_ids),
            ami_type=AMI_TYPES[architecture],
            capacity_type=CAPACITY[args.capacity],
            instance_types=list(args.instance_types),
            scaling_config=eks.NodeGroupScalingConfigArgs(min_size=args.min, max_size=args.max, desired_size=args.min),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels={"groundwork/nodes": short} | dict(args.labels),
            taints=[
                eks.NodeGroupTaintArgs(key=taint.key, value=taint.value, effect=EFFECTS[taint.effect])
                for taint in args.taints
            ],
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            tags=place.scope.tags(COMPONENT),
            # An autoscaler moves the count: putting it back at every `up` would fight it.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(place.after), ignore_changes=["scalingConfig.desiredSize"]
            ),
        )
        self.register_outputs({"name": self.group.node_group_name})

    def _template(self, name: str, short: str, args: NodeGroupArgs, place: Place) -> ec2.LaunchTemplate:
        tags = place.scope.tags(COMPONENT, name=f"node-{short}")
        return ec2.LaunchTemplate(
            name,
            name=place.scope.name(f"node-{short}"),
            update_default_version=True,
            vpc_security_group_ids=list(place.security_groups),
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=DATA_DEVICE,
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_size=args.disk,
                        volume_type="gp3",
                        encrypted="true",
                        kms_key_id=place.data_key,
                        delete_on_termination="true",
                    ),
                )
            ],
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags) for kind in ("instance", "volume")
            ],
            tags=tags,
            opts=child(self),
        )
