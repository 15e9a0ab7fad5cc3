"""The values that Istio's own charts are given."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import pulumi
from pydantic import JsonValue

from components.mesh.names import (
    AUTHORIZER_PROVIDER,
    CA_SECRET,
    CLUSTER_DOMAIN,
    COLLECTOR,
    COLLECTOR_PORTS,
    NAMESPACE,
    OBSERVABILITY_NAMESPACE,
    SIDECAR,
    SIDECAR_REQUESTS,
    TRACING_PROVIDER,
    TRUST_DOMAIN,
    service_host,
)
from components.mesh.traffic import seconds
from components.spread import chart_spread
from components.units import HostPort, format_bytes, format_cpu

Values = dict[str, pulumi.Input[object]]
_SECCOMP = {"type": "RuntimeDefault"}
# The emptyDirs that the injector's templates `sidecar` and `gateway` bring, without a size: sockets, nothing at all
# where istiod signs, Envoy's bootstrap in memory, and the agent's own files.
_SIZES = {
    "workload-socket": "1Mi",
    "credential-socket": "1Mi",
    "workload-certs": "1Mi",
    "istio-envoy": "16Mi",
    "istio-data": "64Mi",
}
# The template that gives them one, merged into the pod by the volumes' names; a pod that names its templates names it.
SIZED = "sized"


@dataclass(frozen=True, kw_only=True)
class Charts:
    """Where Istio's charts are: a folder that holds them, or a repository's address with the version to take."""

    source: str
    version: str | None = None

    def chart(self, name: str) -> str:
        """What names one chart in `source`."""
        return name if self.remote else f"{self.source.rstrip('/')}/{name}"

    @property
    def remote(self) -> bool:
        """Whether `source` is a repository."""
        return "://" in self.source


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """istiod: how many, with how much, and how long the certificates live that it gives to pods."""

    replicas: int = 1
    cpu: int = 50
    cpu_limit: int = 1000
    memory: int = 320 * 2**20
    memory_limit: int = 1024 * 2**20
    leaf_ttl: timedelta = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Istiod:
    """What istiod's chart is given. `image`, `proxy`: by digest; `authorizer`: the gateway's external authorisation."""

    image: pulumi.Input[str]
    proxy: pulumi.Input[str]
    plane: ControlPlane
    authorizer: HostPort
    mode: Literal["sidecar", "ambient"]
    simulated: bool


def base_values(*, simulated: bool) -> Values:
    """The kinds, and the webhook that checks Istio's objects: from its first moment it lets nothing pass unchecked."""
    revision = "" if simulated else "default"
    return {
        "defaultRevision": revision,
        "base": {"validationFailurePolicy": "Fail"},
        "global": {"istioNamespace": NAMESPACE, "enableReaderRBAC": False},
    }


def istiod_values(given: Istiod) -> Values:
    """istiod and the injector, for proxies that are stock Envoy."""
    plane = given.plane
    return {
        "profile": "ambient" if given.mode == "ambient" else "",
        "image": given.image,
        "autoscaleEnabled": False,
        "replicaCount": plane.replicas,
        "rollingMaxUnavailable": 0,
        **(chart_spread({"app": "istiod"}) if plane.replicas > 1 else {}),
        "seccompProfile": _SECCOMP,
        "resources": _resources(plane.cpu, plane.memory, plane.cpu_limit, plane.memory_limit),
        "cni": {"enabled": True},
        "telemetry": {"enabled": False},
        "base": {"validationFailurePolicy": "Fail"},
        "env": _environment(plane),
        "meshConfig": _mesh_config(given.authorizer, plane),
        # Without the Secret istiod would make a root of its own: with this mount it does not start.
        "volumes": [{"name": "root-required", "secret": {"secretName": CA_SECRET, "optional": False}}],
        "volumeMounts": [{"name": "root-required", "mountPath": "/var/run/groundwork/root-required", "readOnly": True}],
        "pdb": {"minAvailable": None, "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        "global": {
            "istioNamespace": NAMESPACE,
            "imagePullPolicy": "IfNotPresent",
            "logAsJson": True,
            # Nothing answers webhooks where no pod runs.
            "configValidation": not given.simulated,
            "operatorManageWebhooks": given.simulated,
            "proxy": {
                "image": given.proxy,
                "clusterDomain": CLUSTER_DOMAIN,
                "logLevel": "warning",
                "seccompProfile": _SECCOMP,
                "readinessPeriodSeconds": 3,
                "resources": _resources(SIDECAR_REQUESTS.cpu, SIDECAR_REQUESTS.memory, SIDECAR.cpu, SIDECAR.memory),
            },
            "proxy_init": {"image": given.proxy},
        },
        "gateways": {"seccompProfile": _SECCOMP},
        "sidecarInjectorWebhook": {"defaultTemplates": ["sidecar", SIZED], "templates": {SIZED: _sized()}},
    }


def _sized() -> str:
    volumes = [{"name": name, "emptyDir": {"sizeLimit": size}} for name, size in _SIZES.items()]
    return json.dumps({"spec": {"volumes": volumes}})


def size_own_volumes(given: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """For what istiod's chart makes: its Deployment has one emptyDir, in memory, and no setting of its size."""
    if given.type_ != "kubernetes:apps/v1:Deployment":
        return None
    props: dict[str, Any] = copy.deepcopy(dict(given.props))  # an object of any shape, as the chart wrote it
    for volume in props["spec"]["template"]["spec"]["volumes"]:
        if "emptyDir" in volume:
            volume["emptyDir"]["sizeLimit"] = "1Mi"
    return pulumi.ResourceTransformResult(props=props, opts=given.opts)


def _environment(plane: ControlPlane) -> dict[str, str]:
    return {
        # Stock Envoy has none of Istio's own filters.
        "PILOT_ENABLE_METADATA_EXCHANGE": "false",
        "PILOT_ENABLE_ALPN_FILTER": "false",
        "PILOT_DISABLE_MX_ALPN": "true",
        "ENABLE_NATIVE_SIDECARS": "true",
        # Roots are rotated by trusting two for a while; proxies are told of them at once.
        "ISTIO_MULTIROOT_MESH": "true",
        "DEFAULT_WORKLOAD_CERT_TTL": seconds(plane.leaf_ttl),
        "MAX_WORKLOAD_CERT_TTL": seconds(plane.leaf_ttl),
    }


def _mesh_config(authorizer: HostPort, plane: ControlPlane) -> dict[str, JsonValue]:
    return {
        "trustDomain": TRUST_DOMAIN,
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "enablePrometheusMerge": False,
        "meshMTLS": {"minProtocolVersion": "TLSV1_3"},
        "tlsDefaults": {"minProtocolVersion": "TLSV1_2"},
        "accessLogFile": "",
        "defaultConfig": {
            "holdApplicationUntilProxyStarts": True,
            "terminationDrainDuration": "5s",
            "proxyMetadata": {
                "PROXY_CONFIG_XDS_AGENT": "true",
                "ISTIO_META_DNS_CAPTURE": "true",
                "SECRET_TTL": seconds(plane.leaf_ttl),
            },
        },
        "extensionProviders": [
            {
                "name": AUTHORIZER_PROVIDER,
                "envoyExtAuthzGrpc": {
                    "service": authorizer.host,
                    "port": authorizer.port,
                    "timeout": "2s",
                    "failOpen": False,
                },
            },
            {
                # Nothing is sent until a Telemetry object of the observability layer says so.
                "name": TRACING_PROVIDER,
                "opentelemetry": {
                    "service": service_host(COLLECTOR, OBSERVABILITY_NAMESPACE),
                    "port": COLLECTOR_PORTS[0],
                },
            },
        ],
    }


def _resources(cpu: int, memory: int, cpu_limit: int, memory_limit: int) -> dict[str, JsonValue]:
    return {
        "requests": {"cpu": format_cpu(cpu), "memory": format_bytes(memory)},
        "limits": {"cpu": format_cpu(cpu_limit), "memory": format_bytes(memory_limit)},
    }
