"""OpenBao's own configuration file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import JsonValue

from components.secrets.names import API_PORT, CLUSTER_PORT, HOST, METRICS_PORT, NAMESPACE, OPENBAO
from groundwork.errors import UserError

CONFIG = "/etc/openbao"
FILE = "openbao.json"
TLS = "/run/tls"
RAFT = "/var/lib/openbao"
AUDIT = "/var/log/openbao"
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


def configuration(replicas: int, seal: KmsSeal | None) -> str:
    """The file, which is the same on every node: a node's own name comes from its environment.

    With no `seal` the key is split into shares (Shamir's way).
    """
    if replicas % 2 == 0 or not 1 <= replicas <= 7:
        raise UserError(
            what=f"{replicas} nodes of OpenBao", allowed="1, 3, 5 or 7: a majority must be left when one is gone"
        )
    written: dict[str, JsonValue] = {
        "ui": False,
        "storage": {"raft": _raft(replicas)},
        "listener": [{"tcp": _api()}, {"tcp": _metrics()}],
        "service_registration": {"kubernetes": {}},
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
        # Two: OpenBao answers nothing that it cannot write down, so that one that fails must not stop it.
        "audit": [
            {"type": "file", "path": "volume/", "options": {"file_path": f"{AUDIT}/audit.log", "mode": "0600"}},
            {"type": "file", "path": "output/", "options": {"file_path": "stdout"}},
        ],
    }
    if seal is not None:
        written["seal"] = {"awskms": {"kms_key_id": seal.key_id, "region": seal.region}}
        if seal.plugin is not None:
            written["plugin_directory"] = str(seal.plugin.path.parent)
            written["plugin"] = {"kms": {"awskms": {"command": seal.plugin.path.name, "sha256sum": seal.plugin.sha256}}}
    return json.dumps(written, indent=2)


def environment(pod_name: str = "$(POD_NAME)") -> Mapping[str, str]:
    """What differs between nodes."""
    own = f"{pod_name}.{OPENBAO}-nodes.{NAMESPACE}.svc.cluster.local"
    return {
        "BAO_RAFT_NODE_ID": pod_name,
        "BAO_API_ADDR": f"https://{own}:{API_PORT}",
        "BAO_CLUSTER_ADDR": f"https://{own}:{CLUSTER_PORT}",
        "BAO_K8S_POD_NAME": pod_name,
        "BAO_K8S_NAMESPACE": NAMESPACE,
    }


def command(program: str = "bao") -> Sequence[str]:
    """What a node's container runs: the server, and who tells it that its certificate was renewed."""
    return ["/bin/sh", f"{CONFIG}/{SCRIPT.name}", program, f"{CONFIG}/{FILE}", f"{TLS}/tls.crt", str(RENEWED_SECONDS)]


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


def _api() -> dict[str, JsonValue]:
    return {
        "address": f"[::]:{API_PORT}",
        "cluster_address": f"[::]:{CLUSTER_PORT}",
        "tls_cert_file": f"{TLS}/tls.crt",
        "tls_key_file": f"{TLS}/tls.key",
        "tls_min_version": "tls13",
        # The threshold of shares is the last way in once root is revoked; it is only reached from within.
        "disable_unauthed_generate_root_endpoints": False,
    }


def _metrics() -> dict[str, JsonValue]:
    """Nothing but metrics, so that a scraper needs neither a token nor the way to the API."""
    return {
        "address": f"[::]:{METRICS_PORT}",
        "cluster_address": "127.0.0.1:8299",
        "tls_disable": True,
        "telemetry": {"unauthenticated_metrics_access": True, "metrics_only": True},
    }
