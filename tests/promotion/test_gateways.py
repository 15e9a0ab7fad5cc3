"""What an Envoy's dump of its routes says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.cluster import Cluster
from promotion.gateways import Gateways, Shares, knows

OLD, NEW = "concierge.acme.svc.cluster.local", "concierge-next.acme.svc.cluster.local"


OWNER = "acme/gateway"


def shares(percents: dict[str, int]) -> Shares:
    return Shares(percents=percents, owners=frozenset({OWNER, "acme/gateway-domains"}))


def named(host: str) -> str:
    return f"outbound|80||{host}"


def dump(*targets: tuple[str, int], owner: str = OWNER) -> object:
    if len(targets) == 1:
        action: dict[str, object] = {"cluster": named(targets[0][0])}
    else:
        action = {"weighted_clusters": {"clusters": [{"name": named(host), "weight": part} for host, part in targets]}}
    namespace, name = owner.split("/")
    path = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtual-service/{name}"
    route = {
        "match": {"prefix": "/agents/concierge/"},
        "route": action,
        "metadata": {"filter_metadata": {"istio": {"config": path}}},
    }
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
    assert knows(told, shares(wanted)) is right


def test_another_owners_route_to_the_same_agent_is_none_of_it() -> None:
    """A tenant's route to somebody else's agent took every shift back at its first share."""
    both = [dump((OLD, 50), (NEW, 50)), dump((OLD, 100), owner="elsewhere/gateway")]
    assert knows(both, shares({OLD: 50, NEW: 50}))
    assert not knows(both[1:], shares({OLD: 50, NEW: 50}))


def virtual_service(*targets: tuple[str, int | None]) -> dict[str, object]:
    route = [{"destination": {"host": host}} | ({"weight": part} if part is not None else {}) for host, part in targets]
    return {
        "metadata": {"namespace": "acme", "name": "gateway"},
        "spec": {"http": [{"route": route}, {"redirect": {}}]},
    }


def test_what_is_shared_and_who_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = virtual_service(("analyst.globex.svc", None)) | {"metadata": {"namespace": "globex", "name": "gateway"}}
    found = [virtual_service((OLD, 90), (NEW, 10)), alone]
    monkeypatch.setattr(Cluster, "items", lambda *_: found)
    gateways = Gateways(cluster=Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig")))
    owners = frozenset({OWNER})
    assert gateways.shared() == Shares(percents={OLD: 90, NEW: 10}, owners=owners)
    assert gateways.without_candidates() == Shares(percents={NEW: 0}, owners=owners)


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
    Gateways(cluster=Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))).wait(shares({OLD: 50, NEW: 50}))
    assert asked == ["one", "two"]
