"""What the scenarios do to a cluster, through kubectl: shell commands, objects, what is left, and a clean start."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tests.conformance.model import JsonObject

NAMESPACE = "rec"
_GROUP = "rec.example.com"
# In this order: what controls others goes first.
_KINDS = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "services",
    "replicasets.apps",
    "pods",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
)
# Made in every namespace, and again when it is deleted: by the control plane, and by a mesh where there is one.
_GIVEN = {
    "configmap/kube-root-ca.crt",
    "serviceaccount/default",
    "configmap/istio-ca-root-cert",
    "configmap/istio-ca-crl",
}
_OBJECTS = ("configmaps", "secrets", "serviceaccounts", "services", "persistentvolumeclaims")
_List = TypeAdapter(dict[str, list[JsonObject]])


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster as an administrator's kubeconfig names it. The scenarios own its namespace `rec`."""

    kubeconfig: Path

    def shell(self, command: str, *, check: bool = True) -> str:
        """Run a scenario's own command; returns its standard output. Raises CalledProcessError."""
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command!r} failed with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def objects(self) -> list[JsonObject]:
        """The namespace's objects of the kinds that scenarios look at, with managed fields, by kind and name."""
        found: list[JsonObject] = []
        for kind in _OBJECTS:
            answer = self._kubectl("-n", NAMESPACE, "get", kind, "-o", "json", "--show-managed-fields")
            items = [dict(item) for item in json.loads(answer)["items"]]
            found += [item for item in items if _name(item) not in _GIVEN]
        return found

    def left(self) -> list[str]:
        """What the namespace holds beyond what it is born with, as `kind/name`."""
        names = self._kubectl("-n", NAMESPACE, "get", ",".join(_KINDS), "-o", "name", "--ignore-not-found").split()
        return sorted(set(names) - _GIVEN)

    def clean(self) -> None:
        """An empty namespace `rec`, and nothing of an earlier scenario beside it. Can be run at any time."""
        if not self._kubectl("get", "namespace", NAMESPACE, "-o", "name", "--ignore-not-found"):
            self._kubectl("create", "namespace", NAMESPACE)
        self._kubectl("-n", NAMESPACE, "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
        self._empty()
        for name in self._kubectl("get", "crd", "-o", "name").split():
            if name.endswith(f".{_GROUP}"):
                self._kubectl("delete", "--ignore-not-found", "--wait", name)

    def _empty(self) -> None:
        """Delete what is left. A finalizer that nobody will ever clear is taken off."""
        bare = """{"metadata":{"finalizers":null}}"""
        for _ in range(3):  # a controller may have made another pod meanwhile
            left = self.left()
            if not left:
                return
            self._kubectl("-n", NAMESPACE, "delete", "--ignore-not-found", "--grace-period=1", "--wait=false", *left)
            for name in self.left():
                self.shell(f"kubectl -n {NAMESPACE} patch {name} --type=merge -p '{bare}'", check=False)
            self._kubectl("-n", NAMESPACE, "wait", "--for=delete", "--timeout=90s", *left)

    def _kubectl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["kubectl", *arguments], env=self._environment(), capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


def _name(item: JsonObject) -> str:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return f"{str(item['kind']).lower()}/{metadata['name']}"
