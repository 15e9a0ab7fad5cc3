"""The configuration file of the server that holds the secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import JsonValue

from components.secrets.kinds import Kind
from components.secrets.names import API_PORT, CLUSTER_PORT, HOST, METRICS_PORT, NAMESPACE, OPENBAO
from groundwork.errors import UserError

CONFIG = "/etc/openbao"
FILE = "openbao.json"
TLS = "/run/tls"
RAFT = "/var/lib/openbao"
DATABASE_AUTHORITY = PurePosixPath("/etc/openbao-database/ca.crt")
METRICS_PATH = "/v1/sys/metrics"
SCRIPT = Path(__file__).with_name("serve.sh")
RENEWED_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class KmsPlugin:
    """OpenBao's plugin for AWS KMS, a program of its image. `sha256`: of the program, in hex."""

    path: PurePosixPath
    sha256: str


@dataclass(frozen=True, kw_only=True)
class KmsSeal:
    """A key of AWS KMS that unseals by itself. The pod's identity must be allowed to use it.

    `plugin`: since version 2.7 the server cannot do it by itself; None before. `pod_identity`: the pod has its rights
    from EKS's agent on its node.
    """

    key_id: str
    region: str
    plugin: KmsPlugin | None
    pod_identity: bool = False


def configuration(replicas: int, seal: KmsSeal | None, kind: Kind) -> str:
    """The file, which is the same on every node: a node's own name comes from its environment.

    With no `seal` the key is split into shares (Shamir's way). Raises UserError.
    """
    if replicas % 2 == 0 or not 1 <= replicas <= 7:
        raise UserError(
            what=f"{replicas} nodes of {kind.called}", allowed="1, 3, 5 or 7: a majority must be left when one is gone"
        )
    written: dict[str, JsonValue] = {
        "ui": False,
        "storage": {"raft": _raft(replicas)},
        "listener": [{"tcp": _api(kind)}, {"tcp": _metrics(kind)}],
        "service_registration": {"kubernetes": {}},
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
        **kind.file,
    }
    if seal is not None:
        if seal.plugin is not None and not kind.plugin:
            raise UserError(
                what=f"a plugin for KMS: {str(seal.plugin.path)!r}",
                where="secrets.kms.plugin",
                allowed=f"none: {kind.called} speaks to KMS by itself",
            )
        written["seal"] = {"awskms": {"kms_key_id": seal.key_id, "region": seal.region}}
        if seal.plugin is not None:
            written["plugin_directory"] = str(seal.plugin.path.parent)
            written["plugin"] = {"kms": {"awskms": {"command": seal.plugin.path.name, "sha256sum": seal.plugin.sha256}}}
    return json.dumps(written, indent=2)


def environment(kind: Kind, pod_name: str = "$(POD_NAME)") -> Mapping[str, str]:
    """What differs between nodes."""
    own = f"{pod_name}.{OPENBAO}-nodes.{NAMESPACE}.svc.cluster.local"
    variables = {
        "RAFT_NODE_ID": pod_name,
        "API_ADDR": f"https://{own}:{API_PORT}",
        "CLUSTER_ADDR": f"https://{own}:{CLUSTER_PORT}",
        "K8S_POD_NAME": pod_name,
        "K8S_NAMESPACE": NAMESPACE,
    }
    return {f"{kind.prefix}{name}": value for name, value in variables.items()}


def command(kind: Kind) -> Sequence[str]:
    """What a node's container runs: the server, and who tells it that its certificate was renewed."""
    script, file, certificate = f"{CONFIG}/{SCRIPT.name}", f"{CONFIG}/{FILE}", f"{TLS}/tls.crt"
    return ["/bin/sh", script, kind.program, file, certificate, str(RENEWED_SECONDS)]


def program_of(command: Sequence[str]) -> str | None:
    """The server's program in a container's command; None for another container."""
    return command[2] if len(command) > 2 and command[1] == f"{CONFIG}/{SCRIPT.name}" else None


def names(replicas: int) -> Sequence[str]:
    """What the serving certificate must name: the Service, each node, and this machine for a forwarded port."""
    nodes = [f"{OPENBAO}-{number}.{OPENBAO}-nodes.{NAMESPACE}.svc.cluster.local" for number in range(replicas)]
    short = [OPENBAO, f"{OPENBAO}.{NAMESPACE}", f"{OPENBAO}.{NAMESPACE}.svc"]
    return [HOST, *short, *nodes, "localhost"]


def _raft(replicas: int) -> dict[str, JsonValue]:
    own: dict[str, JsonValue] = {"path": RAFT}
    if replicas > 1:
        own["retry_join"] = [
            {"leader_api_addr": f"https://{name}:{API_PORT}", "leader_ca_cert_file": f"{TLS}/ca.crt"}
            for name in names(replicas)
            if name.startswith(f"{OPENBAO}-")
        ]
    return own


def _api(kind: Kind) -> dict[str, JsonValue]:
    return {
        "address": f"[::]:{API_PORT}",
        "cluster_address": f"[::]:{CLUSTER_PORT}",
        **_tls(),
        **kind.listener,
    }


def _metrics(kind: Kind) -> dict[str, JsonValue]:
    own: dict[str, JsonValue] = {"address": f"[::]:{METRICS_PORT}", "cluster_address": "127.0.0.1:8299"}
    return {**own, **(_tls() if kind.tls_metrics else {}), **kind.metrics}


def _tls() -> dict[str, JsonValue]:
    return {"tls_cert_file": f"{TLS}/tls.crt", "tls_key_file": f"{TLS}/tls.key", "tls_min_version": "tls13"}
