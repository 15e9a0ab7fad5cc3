"""A name at the gateway is one tenant's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, texts


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    taken: dict[str, dict[str, str]] = {}
    for route in (each for each in resources if each.kind == "VirtualService"):
        space = str(route.namespace)
        for gateway in _gateways(route, space):
            hosts = taken.setdefault(gateway, {})
            for host in texts(route.at("spec", "hosts")):
                other = next((its for name, its in hosts.items() if its != space and _overlap(host, name)), None)
                if other is not None:
                    yield route, f"{host} at {gateway} is taken by {other}"
                hosts.setdefault(host, space)


def _gateways(route: Resource, space: str) -> Iterator[str]:
    """By namespace and name; routes of the mesh itself are each caller's own."""
    for name in texts(route.at("spec", "gateways")):
        if name != "mesh":
            yield name if "/" in name else f"{space}/{name}"


def _overlap(one: str, other: str) -> bool:
    return one == other or _covers(one, other) or _covers(other, one)


def _covers(pattern: str, host: str) -> bool:
    return pattern.startswith("*") and host.endswith(pattern[1:])


RULE = Rule(
    id="tenant-hosts-unique",
    title="A name at the gateway belongs to one namespace",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Network separation", "NIST SP 800-204B"),
    remediation="give each tenant a host of its own (host in its manifest)",
    types=frozenset({"VirtualService"}),
    stack=_check,
    across=True,
)
