"""Databases refuse connections without TLS."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    given = {str(at(each, "name")): str(at(each, "value")) for each in items(resource.at("parameters"))}
    if str(resource.at("family")).startswith("postgres") and given.get("rds.force_ssl") != "1":
        yield "rds.force_ssl is not 1"
    if given.get("ssl_min_protocol_version") in {"TLSv1", "TLSv1.1"}:
        yield f"ssl_min_protocol_version is {given['ssl_min_protocol_version']}"


RULE = Rule(
    id="aws-rds-tls",
    title="Databases refuse connections without TLS",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 SC-8",),
    remediation="set the parameter rds.force_ssl to 1",
    types=frozenset({"aws:rds/parameterGroup:ParameterGroup"}),
    check=_check,
)
