"""What an Envoy's dump of its routes says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.cluster import Cluster
from promotion.gateways import Gateways, knows

OLD, NEW = "concierge.acme.svc.cluster.local", "concierge-next.acme.svc.cluster.local"


def named(host: str) -> str:
    return f"outbound|80||{host}"


def dump(*targets: tuple[str, int]) -> object:
    if len(targets) == 1:
        action: dict[str, object] = {"cluster": named(targets[0][0])}
    else:
        action = {"weighted_clusters": {"clusters": [{"name": named(host), "weight": part} for host, part in targets]}}
    route = {"match": {"prefix": "/agents/concierge/"}, "route": action}
    return {"configs": [{"route_config": {"virtual_hosts": [{"routes": [route]}]}}]}


@pytest.mark.parametrize(
    ("told", "wanted", "right"),
    [
        (dump((OLD, 90), (NEW, 10)), {OLD: 90, NEW: 10}, True),
        (dump((OLD, 90), (NEW, 10)), {OLD: 50, NEW: 50}, False),
        (dump((OLD, 100)), {OLD: 100, NEW: 0}, True),
        (dump((OLD, 100)), {NEW: 0}, True),
        (dump((NEW, 100)), {OLD: 0, NEW: 100}, True),
        (dump((OLD, 90), (NEW, 10)), {NEW: 0}, False),
        (dump((OLD, 100)), {OLD: 90, NEW: 10}, False),
        (None, {NEW: 0}, False),
    ],
)
def test_whether_it_knows(told: object, wanted: dict[str, int], right: bool) -> None:
    assert knows(told, wanted) is right


def virtual_service(*targets: tuple[str, int | None]) -> dict[str, object]:
    route = [{"destination": {"host": host}} | ({"weight": part} if part is not None else {}) for host, part in targets]
    return {"metadata": {"name": "gateway"}, "spec": {"http": [{"route": route}, {"redirect": {}}]}}


def test_what_is_shared_and_who_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [virtual_service((OLD, 90), (NEW, 10)), virtual_service(("analyst.globex.svc", None))]
    monkeypatch.setattr(Cluster, "items", lambda *_: found)
    gateways = Gateways(cluster=Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig")))
    assert gateways.shared() == {OLD: 90, NEW: 10}
    assert gateways.candidates() == [NEW]


def pod(name: str, ready: bool, workload: str = "gateway") -> dict[str, object]:
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name, "labels": {"istio": workload}}, "status": {"conditions": conditions}}


def test_only_pods_that_serve_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no node has room for is asked nothing, and stops nobody."""
    asked: list[str] = []

    def execute(_: Cluster, name: str, *__: object) -> str:
        asked.append(name)
        return json.dumps(dump((OLD, 50), (NEW, 50)))

    unplaced = {"metadata": {"name": "unplaced", "labels": {"istio": "gateway"}}, "status": {"phase": "Pending"}}
    found = [pod("one", True), pod("two", True), pod("begins", False), unplaced, pod("redis", True, "redis")]
    monkeypatch.setattr(Cluster, "items", lambda *_: found)
    monkeypatch.setattr(Cluster, "execute", execute)
    Gateways(cluster=Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))).wait({OLD: 50, NEW: 50})
    assert asked == ["one", "two"]
