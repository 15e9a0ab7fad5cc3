"""Who may call whom: with the mesh's default of refusing everything, each door is opened by a policy of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.mesh.istio import istio
from components.mesh.names import GATEWAY_NAMESPACE, TRUST_DOMAIN


@dataclass(frozen=True, kw_only=True)
class Source:
    """A caller, known by its certificate: all of a namespace, or one service account of it."""

    namespace: str
    account: str | None = None

    def rule(self) -> dict[str, JsonValue]:
        """As an AuthorizationPolicy says it."""
        if self.account is None:
            return {"source": {"namespaces": [self.namespace]}}
        principal = f"{TRUST_DOMAIN}/ns/{self.namespace}/sa/{self.account}"
        return {"source": {"principals": [principal]}}


GATEWAY = Source(namespace=GATEWAY_NAMESPACE, account="gateway")


@dataclass(frozen=True, kw_only=True)
class Door:
    """Who may call which ports (of the pods). No sources: everybody, known or not. No ports: all."""

    sources: Sequence[Source] = ()
    ports: Sequence[int] = ()

    def rule(self) -> dict[str, JsonValue]:
        """As an AuthorizationPolicy says it."""
        rule: dict[str, JsonValue] = {}
        if self.sources:
            rule["from"] = [source.rule() for source in self.sources]
        if self.ports:
            rule["to"] = [{"operation": {"ports": [str(port) for port in self.ports]}}]
        return rule


def allow(
    name: str,
    meta: ObjectMetaArgs,
    doors: Sequence[Door],
    *,
    selector: Mapping[str, str] | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> CustomResource:
    """Open doors of the pods that `selector` finds, or of all in the namespace. `name`: the resource's."""
    spec: dict[str, JsonValue] = {"action": "ALLOW", "rules": [door.rule() for door in doors]}
    if selector is not None:
        spec["selector"] = {"matchLabels": dict(selector)}
    return istio("AuthorizationPolicy", name, meta, spec, opts)
