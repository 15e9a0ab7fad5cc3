"""The way in speaks TLS 1.2 or newer."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_VERSIONS = {"TLSV1_2", "TLSV1_3"}
_MODES = {"SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"}


def _check(resource: Resource) -> Iterator[str]:
    for server in items(resource.at("spec", "servers")):
        for what in _wrong(server):
            yield f"server {at(server, 'port', 'name')}: {what}"


def _wrong(server: Value) -> Iterator[str]:
    protocol = at(server, "port", "protocol")
    if protocol == "HTTP":
        # Answers challenges and sends everybody else to HTTPS: its routes are this namespace's own.
        if any(not host.startswith("./") for host in texts(at(server, "hosts"))):
            yield "takes routes of other namespaces without TLS"
        return
    if protocol != "HTTPS":
        yield f"speaks {protocol}"
    if at(server, "tls", "mode") not in _MODES:
        yield f"tls.mode is {at(server, 'tls', 'mode') or 'not set'}"
    if at(server, "tls", "minProtocolVersion") not in _VERSIONS:
        yield "minProtocolVersion is not TLSV1_2 or newer"
    weak = [
        suite for suite in texts(at(server, "tls", "cipherSuites")) if "GCM" not in suite and "POLY1305" not in suite
    ]
    if weak or not texts(at(server, "tls", "cipherSuites")):
        yield f"cipherSuites: {', '.join(weak) or 'not named'}"


RULE = Rule(
    id="gateway-tls",
    title="The gateway's listeners speak TLS 1.2 or newer, with suites that keep past secrets",
    severity=Severity.CRITICAL,
    frameworks=("NIST SP 800-52r2", "CIS Kubernetes 5.4.2"),
    remediation="set tls.mode, tls.minProtocolVersion: TLSV1_2 and the cipherSuites of components.gateway.edge",
    types=frozenset({"Gateway"}),
    check=_check,
)
