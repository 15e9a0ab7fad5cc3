"""Kubernetes objects the node itself needs, by server-side apply and without a client library: those load slowly."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from functools import partial

from groundwork.waiting import wait_until
from local.node.host.probes import Access, Answer, Client

MANAGER = "groundwork-node"
PLURALS = {"Endpoints": "endpoints", "StorageClass": "storageclasses", "APIService": "apiservices"}


class ApplyError(Exception):
    """The API server refused an object."""


class Cluster:
    """An API server and who asks it."""

    def __init__(self, url: str, access: Access) -> None:
        self._client = Client(url, access, timeout_seconds=30)

    def apply(self, manifest: Mapping[str, object]) -> bool:
        """Server-side apply; true when the object was made or changed. ApplyError when refused."""
        path, body = path_of(manifest), json.dumps(manifest).encode()
        before = self._client.get(path)
        answer = self._client.patch(f"{path}?fieldManager={MANAGER}&force=true", body, "application/apply-patch+yaml")
        if answer.status not in {200, 201}:
            raise ApplyError(f"{path}: {answer.status} {answer.body.decode(errors='replace')[:500]}")
        return before.status != 200 or _resource_version(answer) != _resource_version(before)

    def is_ready(self) -> bool:
        """Whether it says so itself: before, who is no cluster administrator by certificate is refused everything."""
        answer = self._asked("/readyz")
        return answer is not None and answer.status == 200

    def node_is_ready(self, name: str) -> bool:
        """Whether the node is there and its Ready condition holds."""
        answer = self._asked(f"/api/v1/nodes/{name}")
        return answer is not None and answer.status == 200 and condition(answer.json(), "Ready") == "True"

    def _asked(self, path: str) -> Answer | None:
        """None where nobody answers."""
        try:
            return self._client.get(path)
        except (OSError, http.client.HTTPException):
            return None


def ensure_objects(cluster: Cluster, manifests: Sequence[Mapping[str, object]]) -> list[str]:
    """Apply each; returns the paths of those that changed."""
    return [path_of(manifest) for manifest in manifests if cluster.apply(manifest)]


def wait_for_nodes(cluster: Cluster, names: Sequence[str], seconds: float) -> list[str]:
    """Wait for the nodes to be Ready; returns the names of those that were not in time."""
    return [name for name in names if not wait_until(partial(cluster.node_is_ready, name), seconds)]


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
