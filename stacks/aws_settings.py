"""The settings of an environment in AWS: what stands under `groundwork:aws`.  (docs/aws.md)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from components.cluster.versions import ADDONS
from components.documents import StrictModel
from components.hosts import Host
from components.instances import CACHE_TYPES, DATABASE_CLASSES, INSTANCE_TYPES
from components.network.plan import MIN_ZONES, ZONE_SLOTS, overlaps, vpc_network
from components.network.services import INTERFACES
from components.units import Name, refusal
from groundwork.errors import UserError
from stacks.networks import Network
from stacks.problems import detail

# What a task on Fargate calls before it runs, and to tell of itself.
NEEDED_BY_TASKS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "xray")
Item = TypeVar("Item")


def _one_of(kind: str, allowed: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise refusal(f"{value!r} is not {kind}", ", ".join(allowed))
        return value

    return AfterValidator(check)


def _like(pattern: str, kind: str, allowed: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise refusal(f"{value!r} is not {kind}", allowed)
        return value

    return AfterValidator(check)


def _vpc(value: str) -> str:
    try:
        return str(vpc_network(value))
    except UserError as error:
        raise refusal(error.what.removeprefix("cidr: "), error.allowed or "") from None


def _some(values: tuple[Item, ...]) -> tuple[Item, ...]:
    """After the items, so that one that is refused is not counted as missing as well."""
    if not values:
        raise refusal("is empty", "at least one")
    return values


Account = Annotated[str, _like(r"[0-9]{12}", "an account", "twelve digits, in quotes")]
Region = Annotated[str, _like(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region", "such as eu-west-1")]
Zone = Annotated[str, _like(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]", "an availability zone", "such as eu-west-1a")]
RoleArn = Annotated[
    str, _like(r"arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]+", "an IAM role", "arn:aws:iam::<account>:role/<name>")
]
Vpc = Annotated[str, AfterValidator(_vpc)]
Endpoint = Annotated[str, _one_of("a service with an endpoint here", INTERFACES)]
InstanceType = Annotated[str, _one_of("an instance type that is known", tuple(INSTANCE_TYPES))]
DatabaseClass = Annotated[str, _one_of("a database class that is known", DATABASE_CLASSES)]
CacheType = Annotated[str, _one_of("a cache type that is known", CACHE_TYPES)]
KubernetesVersion = Annotated[str, _one_of("a version with known add-ons", tuple(ADDONS))]
Days = Annotated[int, Field(ge=1, le=3650)]
# What CloudWatch can be told to keep logs for.
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


class NetworkSettings(StrictModel):
    """`peers`: networks that this one is, or will be, joined with."""

    cidr: Vpc
    zones: tuple[Zone, ...]
    nat: Literal["perZone", "shared"] = "shared"
    peers: tuple[Network, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    flow_log_days: LogDays = 90

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValidationError.from_exception_data("NetworkSettings", problems)
        return self

    def _problems(self) -> Iterator[InitErrorDetails]:
        if not MIN_ZONES <= len(self.zones) <= ZONE_SLOTS:
            allowed = f"{MIN_ZONES} or {ZONE_SLOTS} zones: two cannot lose one and keep a majority"
            yield detail(("zones",), f"there are {len(self.zones)} ({', '.join(self.zones)})", allowed)
        for index, zone in enumerate(self.zones):
            if zone in self.zones[:index]:
                yield detail(("zones", index), f"{zone} stands twice", "zones that differ")
        for peer in overlaps(self.cidr, self.peers):
            yield detail(("cidr",), f"{self.cidr} overlaps {peer}", "a network apart from those in peers")


class TaintSettings(StrictModel):
    """What keeps pods away that do not tolerate it."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9./-]{1,100}$")]
    value: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,63}$")]
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


class NodeGroupSettings(StrictModel):
    """A group of like nodes over all zones. `disk`: GiB."""

    instance_types: Annotated[tuple[InstanceType, ...], AfterValidator(_some)]
    min: Annotated[int, Field(ge=1, le=450)]
    max: Annotated[int, Field(ge=1, le=450)]
    disk: Annotated[int, Field(ge=20, le=16_000)] = 50
    capacity: Literal["onDemand", "spot"] = "onDemand"
    labels: dict[str, str] = Field(default_factory=dict)
    taints: tuple[TaintSettings, ...] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = []
        if self.min > self.max:
            problems.append(detail(("max",), f"is below min ({self.min})", f"{self.min} or more"))
        if len({INSTANCE_TYPES[name].architecture for name in self.instance_types}) > 1:
            what = f"{', '.join(self.instance_types)}: are of two architectures"
            problems.append(detail(("instanceTypes",), what, "Graviton alone, or x86 alone"))
        if problems:
            raise ValidationError.from_exception_data("NodeGroupSettings", problems)
        return self


class EksSettings(StrictModel):
    """Kubernetes. `publicAccess`: networks that reach the API server from outside the VPC."""

    kind: Literal["eks"]
    version: KubernetesVersion
    service_cidr: Network = "172.20.0.0/16"
    node_groups: Annotated[dict[Name, NodeGroupSettings], Field(min_length=1)]
    admins: Annotated[tuple[RoleArn, ...], AfterValidator(_some)]
    viewers: tuple[RoleArn, ...] = ()
    public_access: tuple[Network, ...] = ()
    karpenter: bool = False
    log_days: LogDays = 90


class EcsSettings(StrictModel):
    """Fargate. `spotPercent`: of the tasks above the first of each service; `tracePercent`: of the requests."""

    kind: Literal["ecs"]
    architecture: Literal["ARM64", "X86_64"] = "ARM64"
    spot_percent: Annotated[int, Field(ge=0, le=100)] = 0
    trace_percent: Annotated[float, Field(ge=0, le=100)] = 5.0
    log_days: LogDays = 90


class MeshSettings(StrictModel):
    """istiod in EKS."""

    mode: Literal["sidecar", "ambient"] = "sidecar"
    replicas: Annotated[int, Field(ge=1, le=20)] = 2


class GatewaySettings(StrictModel):
    """The gateway in EKS: as many pods as its load asks for."""

    replicas: Annotated[int, Field(ge=2, le=200)] = 3
    max_replicas: Annotated[int, Field(ge=2, le=200)] = 6


class DatabaseSettings(StrictModel):
    """PostgreSQL. Storage in GiB; `backupDays`: within which any second can be gone back to."""

    instance_class: DatabaseClass
    storage: Annotated[int, Field(ge=20, le=65_536)] = 50
    max_storage: Annotated[int, Field(ge=20, le=65_536)] = 200
    multi_az: bool = True
    backup_days: Annotated[int, Field(ge=1, le=35)] = 14
    rotation_days: Annotated[int, Field(ge=1, le=365)] = 30
    deletion_protection: bool = True


class CacheSettings(StrictModel):
    """`nodes`: 2 or more are spread over zones and replace each other."""

    node_type: CacheType
    nodes: Annotated[int, Field(ge=1, le=6)] = 2
    snapshot_days: Annotated[int, Field(ge=0, le=35)] = 7


class EdgeSettings(StrictModel):
    """The load balancer. `rate`: requests of one address in five minutes."""

    internal: bool = False
    networks: Annotated[tuple[Network, ...], AfterValidator(_some)] = ("0.0.0.0/0",)
    rate: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    bot_control: bool = False
    log_days: LogDays = 90
    deletion_protection: bool = True


class AwsDnsSettings(StrictModel):
    """`zone`: what the environment's domain is in. `zoneId`: of a hosted zone that is there; none makes one."""

    zone: Host
    zone_id: Annotated[str, _like(r"Z[A-Z0-9]{1,31}", "a hosted zone", "such as Z1D633PJN98FT9")] | None = None
    dnssec: bool = True
    health_check: bool = True


class BackupSettings(StrictModel):
    """`lockDays`: within which nobody deletes a recovery point; `graceDays`: after which that cannot be undone."""

    days: Days = 35
    lock_days: Days = 7
    grace_days: Annotated[int, Field(ge=3, le=36_500)] | None = None
    copy_region: Region | None = None
    copy_days: Days = 35


class BudgetSettings(StrictModel):
    """For a month. `tell`: e-mail addresses, which alarms go to as well."""

    dollars: Annotated[int, Field(ge=1, le=10_000_000)]
    tell: Annotated[tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...], AfterValidator(_some)]


class RegistrySettings(StrictModel):
    """`keep`: images of each repository."""

    keep: Annotated[int, Field(ge=1, le=10_000)] = 50
    replicas: tuple[Region, ...] = ()


class AwsSettings(StrictModel):
    """An environment in AWS. What each means, and its default, stands in docs/aws.md."""

    account: Account
    region: Region
    cost_centre: Name
    network: NetworkSettings
    cluster: Annotated[EksSettings | EcsSettings, Field(discriminator="kind")]
    mesh: MeshSettings | None = None
    gateway: GatewaySettings | None = None
    database: DatabaseSettings
    cache: CacheSettings
    edge: EdgeSettings = EdgeSettings()
    dns: AwsDnsSettings
    backup: BackupSettings = BackupSettings()
    registry: RegistrySettings = RegistrySettings()
    budget: BudgetSettings

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValidationError.from_exception_data("AwsSettings", problems)
        return self

    def _problems(self) -> Iterator[InitErrorDetails]:
        for index, zone in enumerate(self.network.zones):
            if zone[:-1] != self.region:
                yield detail(("network", "zones", index), f"{zone} is not in {self.region}", f"{self.region}a, …")
        yield from self._of_the_cluster()
        backup = self.backup
        if backup.copy_region == self.region:
            yield detail(("backup", "copyRegion"), f"{self.region} is the environment's own", "another region")
        if backup.lock_days > backup.days:
            yield detail(("backup", "lockDays"), f"is above days ({backup.days})", f"at most {backup.days}")
        if backup.copy_region and backup.lock_days > backup.copy_days:
            yield detail(
                ("backup", "lockDays"), f"is above copyDays ({backup.copy_days})", f"at most {backup.copy_days}"
            )
        for index, region in enumerate(self.registry.replicas):
            if region == self.region:
                yield detail(("registry", "replicas", index), f"{region} is the environment's own", "another region")

    def _of_the_cluster(self) -> Iterator[InitErrorDetails]:
        if isinstance(self.cluster, EcsSettings):
            for key, value in (("mesh", self.mesh), ("gateway", self.gateway)):
                if value is not None:
                    allowed = "none: on ECS, Service Connect and the load balancer do it (docs/ecs.md)"
                    yield detail((key,), "is for cluster.kind eks, and this is ecs", allowed)
            missing = [name for name in NEEDED_BY_TASKS if name not in self.network.endpoints]
            if missing:
                what = f"{', '.join(missing)} is missing: tasks on ECS reach AWS by endpoints alone"
                yield detail(("network", "endpoints"), what, f"{', '.join(NEEDED_BY_TASKS)} and others")
            return
        service = self.cluster.service_cidr
        for other in overlaps(service, [self.network.cidr, *self.network.peers]):
            where = ("cluster", "eks", "serviceCidr")
            yield detail(where, f"{service} overlaps {other}", "a network apart from network.cidr and its peers")
        if "0.0.0.0/0" in self.cluster.public_access:
            what = "0.0.0.0/0 opens the API server to everybody"
            yield detail(("cluster", "eks", "publicAccess"), what, "networks of yours, or none")
        gateway = self.gateway or GatewaySettings()
        if gateway.replicas > gateway.max_replicas:
            allowed = f"{gateway.replicas} or more"
            yield detail(("gateway", "maxReplicas"), f"is below replicas ({gateway.replicas})", allowed)


def outside(domain: str, aws: AwsSettings) -> Iterator[InitErrorDetails]:
    """The environment's domain must be in the zone that it is written to."""
    zone = aws.dns.zone
    if domain != zone and not domain.endswith(f".{zone}"):
        yield detail(("domain",), f"{domain} is not in the zone {zone} (aws.dns.zone)", f"{zone}, or a name below it")
