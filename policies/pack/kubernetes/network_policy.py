"""A network policy opens what it names, and no more."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

# Where the two servers stand that the world may reach.
PUBLIC = frozenset({"groundwork-gateway", "groundwork-domains"})
_ALL = {"0.0.0.0/0", "::/0"}


def _check(resource: Resource) -> Iterator[str]:
    if set(texts(resource.at("spec", "policyTypes"))) != {"Ingress", "Egress"}:
        yield "does not speak of both ingress and egress"
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for number, rule in enumerate(items(resource.at("spec", way))):
            for what in (*_wrong(rule, peers), *_callers(resource, rule, peers)):
                yield f"{way} rule {number} {what}"


def _wrong(rule: Value, peers: str) -> Iterator[str]:
    ports = items(at(rule, "ports"))
    listed = items(at(rule, peers))
    if not listed and not ports:
        yield "opens everything"
    if not listed and peers == "to":
        yield "reaches everybody"
    for peer in listed:
        cidr = at(peer, "ipBlock", "cidr")
        chosen = at(peer, "namespaceSelector")
        if chosen is not None and not at(chosen, "matchLabels") and not items(at(chosen, "matchExpressions")):
            yield "names every namespace"
        if cidr in _ALL and not ports:
            yield f"opens every port to {cidr}"
        if cidr in _ALL and peers == "to" and not any(except_.startswith("169.254") for except_ in _except(peer)):
            yield f"reaches {cidr} without the machine's metadata address taken out"


def _callers(resource: Resource, rule: Value, peers: str) -> Iterator[str]:
    if peers == "to":
        return
    if not items(at(rule, "from")) and resource.namespace not in PUBLIC:
        yield "lets everybody in"
    if any(at(peer, "ipBlock", "cidr") in _ALL for peer in items(at(rule, "from"))):
        yield "lets every address in"


def _except(peer: Value) -> list[str]:
    return texts(at(peer, "ipBlock", "except"))


RULE = Rule(
    id="k8s-network-policy",
    title="Network policies name both ways, their peers and their ports",
    severity=Severity.HIGH,
    frameworks=("CIS Kubernetes 5.3.2", "NSA: Network policies"),
    remediation="name policyTypes Ingress and Egress, the peers and the ports of each rule; leave 169.254.0.0/16 out",
    types=frozenset({"NetworkPolicy"}),
    check=_check,
)
