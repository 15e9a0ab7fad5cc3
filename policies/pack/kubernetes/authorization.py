"""No policy of the mesh lets everybody in."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, entries, items, texts

# Its listeners are the way in: who asks is told apart behind them, by the authoriser.
_DOOR = ("istio", "gateway")


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("spec", "action") not in {None, "ALLOW"}:
        return
    door = _DOOR in entries(resource.at("spec", "selector", "matchLabels"))
    for number, rule in enumerate(items(resource.at("spec", "rules"))):
        sources = [at(source, "source") for source in items(at(rule, "from"))]
        if not sources and not door:
            yield f"rule {number} names no source"
        for source in sources:
            if not _names(source) or "*" in _names(source):
                yield f"rule {number} lets every source in"
        if door and not items(at(rule, "to")):
            yield f"rule {number} of the gateway names no port"


def _names(source: Value) -> list[str]:
    return [name for key in ("principals", "namespaces", "requestPrincipals") for name in texts(at(source, key))]


RULE = Rule(
    id="mesh-authorization",
    title="Every policy that allows names whom it allows",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Network separation", "NIST SP 800-204B"),
    remediation="name principals or namespaces in each rule's from.source",
    types=frozenset({"AuthorizationPolicy"}),
    check=_check,
)
