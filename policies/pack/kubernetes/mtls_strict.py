"""Who speaks in the mesh shows a certificate."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, entries


def _check(resource: Resource) -> Iterator[str]:
    if resource.kind == "PeerAuthentication":
        mode = resource.at("spec", "mtls", "mode")
        if mode != "STRICT":
            yield f"mtls.mode is {mode or 'not set'}"
        for port, setting in entries(resource.at("spec", "portLevelMtls")):
            if at(setting, "mode") != "STRICT":
                yield f"port {port}: mode is {at(setting, 'mode')}"
        return
    mode = resource.at("spec", "trafficPolicy", "tls", "mode")
    if mode not in {None, "ISTIO_MUTUAL"} and str(resource.at("spec", "host")).endswith(".svc.cluster.local"):
        yield f"speaks to the mesh with tls.mode {mode}"


RULE = Rule(
    id="mesh-mtls-strict",
    title="Mutual TLS is STRICT and is never loosened",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Encryption of traffic in the cluster", "NIST SP 800-204A"),
    remediation="set mtls.mode: STRICT and remove portLevelMtls; leave DestinationRules at ISTIO_MUTUAL",
    types=frozenset({"PeerAuthentication", "DestinationRule"}),
    check=_check,
)
