"""A proxy of the mesh knows of its own namespace and of what it was given, not of every tenant."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts


def _check(resource: Resource) -> Iterator[str]:
    egress = items(resource.at("spec", "egress"))
    if not egress:
        yield "names no egress: its proxies know of every service"
    for listener in egress:
        for host in texts(at(listener, "hosts")):
            if host.startswith(("*/", "~/*")):
                yield f"knows of every namespace ({host})"
    if resource.at("spec", "outboundTrafficPolicy", "mode") == "ALLOW_ANY":
        yield "outboundTrafficPolicy is ALLOW_ANY"


RULE = Rule(
    id="mesh-sidecar-scope",
    title="Proxies know of their own namespace and of what they were given",
    severity=Severity.HIGH,
    frameworks=("NSA: Network separation",),
    remediation="name the hosts in egress; leave the mesh's REGISTRY_ONLY in force",
    types=frozenset({"Sidecar"}),
    check=_check,
)
