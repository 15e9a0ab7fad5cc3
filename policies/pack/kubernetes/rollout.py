"""A new version takes nothing away before it is ready."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    kind = resource.at("spec", "strategy", "type")
    if kind == "Recreate":
        return
    if resource.at("spec", "strategy", "rollingUpdate", "maxUnavailable") not in {0, "0", "0%"}:
        yield "strategy.rollingUpdate.maxUnavailable is not 0"


RULE = Rule(
    id="k8s-rollout",
    title="Deployments replace pods only by pods that are ready",
    severity=Severity.LOW,
    frameworks=("Kubernetes documentation: Rolling Update Deployment",),
    remediation="take the strategy of components.workload.rolling()",
    types=frozenset({"Deployment"}),
    check=_check,
)
