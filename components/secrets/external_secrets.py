"""External Secrets: brings what OpenBao holds to pods, as Secrets that it renews.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pydantic import JsonValue

from components.labels import platform_labels
from components.secrets import network
from components.secrets.names import NAMESPACE, OPENBAO
from components.spread import chart_spread
from components.workload import refuse_other_than_digest

NAME = "external-secrets"
SELECTOR = {"app.kubernetes.io/name": NAME}
METRICS_PORT = 8080


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    """`chart`: a folder, or a name in the repository `repository`, with its `version`. `image`: by digest.

    `replicas`: of which one works, and another takes over.
    """

    environment: str
    chart: str
    image: pulumi.Input[str]
    version: str | None = None
    repository: str | None = None
    replicas: int = 1

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class ExternalSecrets(pulumi.ComponentResource):
    """The controller alone: its kinds are checked by the API server's own schemas, and need no webhook."""

    def __init__(self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:ExternalSecrets", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        meta = ObjectMetaArgs(name=NAME, namespace=NAMESPACE, labels=platform_labels(args.environment, NAME))
        policy = NetworkPolicy(
            name,
            metadata=meta,
            spec=network.caller(SELECTOR, {"app.kubernetes.io/name": OPENBAO}, METRICS_PORT, api_server=True),
            opts=child,
        )
        Chart(
            name,
            chart=args.chart,
            name=NAME,
            namespace=NAMESPACE,
            version=args.version,
            repository_opts=RepositoryOptsArgs(repo=args.repository) if args.repository else None,
            values=_values(args.image, args.replicas),
            resource_prefix=name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})


def _values(image: pulumi.Input[str], replicas: int) -> dict[str, pulumi.Input[object]]:
    # The chart joins the two with a colon, which is what stands before a digest's digits.
    reference = pulumi.Output.from_input(image).apply(lambda text: text.rpartition(":"))
    repository, digest = reference.apply(lambda parts: parts[0]), reference.apply(lambda parts: parts[2])
    return {
        "image": {"repository": repository, "tag": digest, "pullPolicy": "IfNotPresent"},
        "podLabels": {"app.kubernetes.io/part-of": "groundwork", "groundwork/cost-centre": "platform"},
        "podAnnotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)},
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}},
        "concurrent": 4,
        "livenessProbe": {"enabled": True},
        "replicaCount": replicas,
        "leaderElect": replicas > 1,
        **(chart_spread(SELECTOR) if replicas > 1 else {}),
        "podDisruptionBudget": {"enabled": replicas > 1, "maxUnavailable": 1},
        "webhook": {"create": False},
        "certController": {"create": False},
        # A store belongs to one tenant's namespace: none is the whole cluster's.
        "processClusterExternalSecret": False,
        "processClusterPushSecret": False,
        "processClusterStore": False,
        "processClusterGenerator": False,
        "processPushSecret": False,
        "rbac": {"servicebindings": {"create": False}},
    }


def external(
    kind: str,
    name: str,
    meta: ObjectMetaArgs,
    spec: dict[str, JsonValue],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """An object of one of External Secrets' kinds."""
    group = "generators.external-secrets.io/v1alpha1" if kind == "VaultDynamicSecret" else "external-secrets.io/v1"
    return CustomResource(name, api_version=group, kind=kind, metadata=meta, spec=spec, opts=opts)
