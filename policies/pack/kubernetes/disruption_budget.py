"""Who drains a node cannot take all of a server away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, entries


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    budgets = [
        (each.namespace, set(entries(each.at("spec", "selector", "matchLabels"))))
        for each in resources
        if each.kind == "PodDisruptionBudget" and each.at("spec", "maxUnavailable") in {1, "1", 0}
    ]
    for server in (each for each in resources if each.kind in {"Deployment", "StatefulSet"}):
        labels = set(entries(server.at("spec", "template", "metadata", "labels")))
        if not any(space == server.namespace and chosen and chosen <= labels for space, chosen in budgets):
            yield server, "has no PodDisruptionBudget of at most one pod"


RULE = Rule(
    id="k8s-disruption-budget",
    title="Every server has a disruption budget",
    severity=Severity.MEDIUM,
    frameworks=("Kubernetes documentation: Specifying a Disruption Budget",),
    remediation="add components.workload.one_at_a_time for the server's labels",
    types=frozenset({"Deployment", "StatefulSet"}),
    stack=_check,
)
