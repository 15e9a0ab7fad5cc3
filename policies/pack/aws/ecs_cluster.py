"""What clusters of Fargate do can be seen."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    given = {at(each, "name"): at(each, "value") for each in items(resource.at("settings"))}
    if given.get("containerInsights") not in {"enabled", "enhanced"}:
        yield "containerInsights is not enabled"


RULE = Rule(
    id="aws-ecs-cluster",
    title="Clusters have container insights",
    severity=Severity.MEDIUM,
    frameworks=("FSBP ECS.12",),
    remediation="add the setting containerInsights: enabled or enhanced",
    types=frozenset({"aws:ecs/cluster:Cluster"}),
    check=_check,
)
