"""Where the pods of one server go: to different nodes and zones, as evenly as there is room.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    PodAffinityTermArgs,
    PodAntiAffinityArgs,
    TopologySpreadConstraintArgs,
    WeightedPodAffinityTermArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pydantic import JsonValue

from components.labels import HOST, ZONE

# The most there is. Of itself the scheduler puts two into one zone where its nodes are much emptier than all others.
_WEIGHT = 100


def spread(selector: Mapping[str, str], key: str, *, strict: bool = False) -> TopologySpreadConstraintArgs:
    """As even as it gets over one label of nodes; `strict`: a pod waits rather."""
    return TopologySpreadConstraintArgs(
        max_skew=1,
        topology_key=key,
        when_unsatisfiable="DoNotSchedule" if strict else "ScheduleAnyway",
        label_selector=LabelSelectorArgs(match_labels=dict(selector)),
    )


def zones_apart(selector: Mapping[str, str]) -> AffinityArgs:
    """Another zone before all else that speaks for a node, and the same one where there is no other."""
    term = PodAffinityTermArgs(topology_key=ZONE, label_selector=LabelSelectorArgs(match_labels=dict(selector)))
    preferred = WeightedPodAffinityTermArgs(weight=_WEIGHT, pod_affinity_term=term)
    return AffinityArgs(
        pod_anti_affinity=PodAntiAffinityArgs(preferred_during_scheduling_ignored_during_execution=[preferred])
    )


def chart_spread(selector: Mapping[str, str]) -> dict[str, JsonValue]:
    """Both for the pods of a chart, as its values have them."""
    labels: dict[str, JsonValue] = {"matchLabels": dict(selector)}
    term: dict[str, JsonValue] = {"topologyKey": ZONE, "labelSelector": labels}
    preferred: list[JsonValue] = [{"weight": _WEIGHT, "podAffinityTerm": term}]
    return {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": labels}
            for key in (HOST, ZONE)
        ],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}},
    }
