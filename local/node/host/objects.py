"""Kubernetes objects the node itself needs, applied by server-side apply with no client library: it loads in no time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.node.host.probes import Access, Answer, ask
from local.node.host.waiting import wait_until

MANAGER = "groundwork-node"
PLURALS = {"Endpoints": "endpoints", "StorageClass": "storageclasses", "APIService": "apiservices"}


class ApplyError(Exception):
    """The API server refused an object."""


@dataclass(frozen=True)
class Cluster:
    """An API server and who asks it."""

    url: str
    access: Access

    def apply(self, manifest: Mapping[str, object]) -> bool:
        """Server-side apply; true when the object was made or changed. ApplyError when refused."""
        before = self._version(manifest)
        url = f"{self.url}{path_of(manifest)}?fieldManager={MANAGER}&force=true"
        body = json.dumps(manifest).encode()
        answer = ask(url, self.access, "PATCH", body, "application/apply-patch+yaml", timeout_seconds=30)
        if answer.status not in {200, 201}:
            raise ApplyError(f"{path_of(manifest)}: {answer.status} {answer.body.decode(errors='replace')[:500]}")
        return _resource_version(answer) != before

    def node_is_ready(self, name: str) -> bool:
        """Whether the node is there and its Ready condition holds."""
        try:
            answer = ask(f"{self.url}/api/v1/nodes/{name}", self.access)
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200 and condition(answer.json(), "Ready") == "True"

    def _version(self, manifest: Mapping[str, object]) -> str | None:
        answer = ask(f"{self.url}{path_of(manifest)}", self.access)
        return _resource_version(answer) if answer.status == 200 else None


def ensure_objects(cluster: Cluster, manifests: Sequence[Mapping[str, object]]) -> list[str]:
    """Apply each; returns the paths of those that changed."""
    return [path_of(manifest) for manifest in manifests if cluster.apply(manifest)]


def wait_for_nodes(cluster: Cluster, names: Sequence[str], seconds: float) -> list[str]:
    """Wait for the nodes to be Ready; returns the names of those that were not in time."""
    return [name for name in names if not wait_until(lambda n=name: cluster.node_is_ready(n), seconds)]


def path_of(manifest: Mapping[str, object]) -> str:
    """The object's path on the API server. ValueError when it lacks apiVersion, kind or name."""
    version, kind, metadata = manifest.get("apiVersion"), manifest.get("kind"), manifest.get("metadata")
    if not (isinstance(version, str) and isinstance(kind, str) and isinstance(metadata, dict) and "name" in metadata):
        raise ValueError("an object needs apiVersion, kind and metadata.name")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{namespace}/{PLURALS.get(kind, kind.lower() + 's')}/{metadata['name']}"


def condition(document: Mapping[str, object], kind: str) -> str | None:
    """The status ("True", "False", "Unknown") of an object's condition, None where it has none."""
    status = document.get("status")
    rows = status.get("conditions", []) if isinstance(status, dict) else []
    return next((str(row.get("status")) for row in rows if row.get("type") == kind), None)


def _resource_version(answer: Answer) -> str:
    metadata = answer.json().get("metadata")
    return str(metadata.get("resourceVersion")) if isinstance(metadata, dict) else ""
