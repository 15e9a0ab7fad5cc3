"""Services speak TLS with each other, in groups of their own, on the newest platform."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    for service in items(resource.at("serviceConnectConfiguration", "services")):
        if at(service, "tls", "issuerCertAuthority", "awsPcaAuthorityArn") is None:
            yield f"service {at(service, 'portName')} has no tls"
    if not items(resource.at("networkConfiguration", "securityGroups")):
        yield "networkConfiguration.securityGroups is empty: the default group"
    if resource.at("platformVersion") not in {None, "LATEST"}:
        yield f"platformVersion is {resource.at('platformVersion')}"
    if resource.at("deploymentCircuitBreaker", "enable") is not True:
        yield "deploymentCircuitBreaker.enable is not true"


RULE = Rule(
    id="aws-ecs-service-parts",
    title="Services have TLS between them, and groups of their own",
    severity=Severity.HIGH,
    frameworks=("FSBP ECS.10", "NIST SP 800-53r5 SC-8"),
    remediation="set tls for each service of Service Connect, securityGroups, platformVersion: LATEST",
    types=frozenset({"aws:ecs/service:Service"}),
    check=_check,
)
