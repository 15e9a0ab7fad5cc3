"""Load balancers speak TLS 1.2 or newer."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items

_POLICIES = ("ELBSecurityPolicy-TLS13-1-2", "ELBSecurityPolicy-TLS13-1-3")


def _check(resource: Resource) -> Iterator[str]:
    protocol = resource.at("protocol")
    if protocol == "HTTP":
        kinds = [(at(each, "type"), at(each, "redirect", "protocol")) for each in items(resource.at("defaultActions"))]
        if any(kind != ("redirect", "HTTPS") for kind in kinds):
            yield "serves without TLS"
    elif protocol in {"HTTPS", "TLS"} and not str(resource.at("sslPolicy")).startswith(_POLICIES):
        yield f"sslPolicy is {resource.at('sslPolicy')}"


RULE = Rule(
    id="aws-listener",
    title="Listeners speak TLS 1.2 or newer; plain ones only redirect",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP ELB.1",
        "FSBP ELB.17",
    ),
    remediation="set protocol HTTPS with an ELBSecurityPolicy-TLS13-1-2 policy, or a redirect to it",
    types=frozenset({"aws:lb/listener:Listener"}),
    check=_check,
)
