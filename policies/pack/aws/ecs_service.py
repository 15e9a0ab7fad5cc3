"""Tasks have no public address and nobody enters them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("networkConfiguration", "assignPublicIp") is True:
        yield "networkConfiguration.assignPublicIp is true"
    if resource.at("enableExecuteCommand") is True:
        yield "enableExecuteCommand is true"
    if resource.at("deploymentCircuitBreaker", "rollback") is not True:
        yield "deploymentCircuitBreaker.rollback is not true"


RULE = Rule(
    id="aws-ecs-service",
    title="Tasks have no public address, and nobody enters them",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP ECS.2",
        "FSBP ECS.10",
    ),
    remediation="set networkConfiguration.assignPublicIp: false and enableExecuteCommand: false",
    types=frozenset({"aws:ecs/service:Service"}),
    check=_check,
)
