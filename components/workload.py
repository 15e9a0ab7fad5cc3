"""The secure base of every server that this project runs: what Pod Security *restricted* asks, and a little more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs, DeploymentStrategyArgs, RollingUpdateDeploymentArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    ExecActionArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    SleepActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudgetSpecArgs

from components.labels import HOST, ZONE
from components.spread import spread, zones_apart
from components.units import is_by_digest
from groundwork.errors import UserError

USER = 65532
# A pod that goes is taken out of the Service while it still answers; the other nodes need a moment to hear of it.
LEAVE_SECONDS = 5
SPARE_SECONDS = 5
TMP_SIZE = "64Mi"
LIVE, READY = "/healthz", "/readyz"


@dataclass(frozen=True, kw_only=True)
class BesideArgs:
    """A second process in a server's pod, which is restarted by itself. `alive`: a path and a port of it."""

    name: str
    image: pulumi.Input[str]
    arguments: Sequence[str]
    resources: ResourceRequirementsArgs
    alive: tuple[str, int]
    mounts: Sequence[VolumeMountArgs] = ()
    command: Sequence[str] = ()
    env: Sequence[EnvVarArgs] = ()

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


@dataclass(frozen=True, kw_only=True)
class ServerArgs:
    """One server process, which answers `/healthz` and `/readyz` on its port named `http`.

    `image`: by digest. `drain_seconds`: how long it may go on, after SIGTERM, with what it has begun. `live`, `ready`:
    other paths, or commands that end with 0 in the container. `arguments`: of the image's program; `command`: in its
    place. `group`: its processes' own. `apart`: a pod waits rather than make zones uneven; nodes must have zones then.
    `tls`: its port asks for TLS; whose certificate it shows is not checked.
    """

    name: str
    image: pulumi.Input[str]
    service_account: pulumi.Input[str]
    selector: Mapping[str, str]
    ports: Mapping[str, int]
    resources: ResourceRequirementsArgs
    drain_seconds: int
    env: Sequence[EnvVarArgs] = ()
    volumes: Sequence[VolumeArgs] = ()
    mounts: Sequence[VolumeMountArgs] = ()
    live: str | Sequence[str] = LIVE
    ready: str | Sequence[str] = READY
    beside: Sequence[BesideArgs] = ()
    arguments: Sequence[str] = ()
    command: Sequence[str] = ()
    group: int = USER
    apart: bool = False
    tls: bool = False

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


def refuse_other_than_digest(image: pulumi.Input[str]) -> None:
    """Raise UserError for a known image that is not named by its digest; a value that comes later is admission's."""
    if isinstance(image, str) and not is_by_digest(image):
        allowed = "a reference by digest (repository/name@sha256:…)"
        raise UserError(what=f"image: {image!r} is not by digest", allowed=allowed)


def pod_spec(args: ServerArgs) -> PodSpecArgs:
    """The pod of one server: non-root, read-only, no token, no capability, spread over nodes and zones."""
    return PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=LEAVE_SECONDS + args.drain_seconds + SPARE_SECONDS,
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=args.group,
            fs_group=USER,
            # What is this pod's already stays as its server left it, and a large volume is not walked at each start.
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_container(args), *(_beside(each) for each in args.beside)],
        volumes=[VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=TMP_SIZE)), *args.volumes],
        topology_spread_constraints=[
            spread(args.selector, HOST),
            spread(args.selector, ZONE, strict=args.apart),
        ],
        affinity=zones_apart(args.selector),
    )


def rolling() -> DeploymentStrategyArgs:
    """Replace pods only by pods that are ready: capacity never falls below what was asked."""
    return DeploymentStrategyArgs(
        type="RollingUpdate", rolling_update=RollingUpdateDeploymentArgs(max_surge="25%", max_unavailable=0)
    )


def one_at_a_time(selector: Mapping[str, str]) -> PodDisruptionBudgetSpecArgs:
    """A budget that holds for any number of replicas: `min_available` would block every eviction of a single one."""
    return PodDisruptionBudgetSpecArgs(
        max_unavailable=1,
        unhealthy_pod_eviction_policy="AlwaysAllow",
        selector=LabelSelectorArgs(match_labels=dict(selector)),
    )


def deployment_spec(
    server: ServerArgs,
    metadata: ObjectMetaArgs,
    *,
    replicas: int | None,
    strategy: DeploymentStrategyArgs | None = None,
) -> DeploymentSpecArgs:
    """A server's Deployment. `metadata`: of its pods; `replicas`: None where an autoscaler says how many."""
    return DeploymentSpecArgs(
        replicas=replicas,
        selector=LabelSelectorArgs(match_labels=dict(server.selector)),
        strategy=strategy or rolling(),
        revision_history_limit=3,
        progress_deadline_seconds=300,
        template=PodTemplateSpecArgs(metadata=metadata, spec=pod_spec(server)),
    )


def _container(args: ServerArgs) -> ContainerArgs:
    return ContainerArgs(
        name=args.name,
        image=args.image,
        image_pull_policy="IfNotPresent",
        command=list(args.command) or None,
        args=list(args.arguments) or None,
        ports=[ContainerPortArgs(name=name, container_port=port) for name, port in args.ports.items()],
        env=list(args.env),
        resources=args.resources,
        security_context=_confined(),
        volume_mounts=[VolumeMountArgs(name="tmp", mount_path="/tmp"), *args.mounts],  # noqa: S108 – in the pod
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=LEAVE_SECONDS))),
        startup_probe=_probe(args.live, args, period=1, failures=60),
        # To ask by a program is to start one in the container each time, which costs more than what it asks.
        readiness_probe=_probe(args.ready, args, period=2 if isinstance(args.ready, str) else 10, failures=2),
        liveness_probe=_probe(args.live, args, period=10, failures=3),
    )


def _beside(args: BesideArgs) -> ContainerArgs:
    path, port = args.alive
    probe = ProbeArgs(http_get=HTTPGetActionArgs(path=path, port=port), period_seconds=10, timeout_seconds=3)
    return ContainerArgs(
        name=args.name,
        image=args.image,
        image_pull_policy="IfNotPresent",
        command=list(args.command) or None,
        args=list(args.arguments),
        env=list(args.env) or None,
        resources=args.resources,
        security_context=_confined(),
        volume_mounts=list(args.mounts),
        # As long as the server may still ask it.
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=LEAVE_SECONDS))),
        liveness_probe=probe,
    )


def _confined() -> SecurityContextArgs:
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
    )


def _probe(how: str | Sequence[str], args: ServerArgs, *, period: int, failures: int) -> ProbeArgs:
    scheme = "HTTPS" if args.tls else None
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=how, port="http", scheme=scheme) if isinstance(how, str) else None,
        exec_=None if isinstance(how, str) else ExecActionArgs(command=list(how)),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )
