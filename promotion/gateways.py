"""What the gateway's pods have been told of the tenants' routes, and whether it is what the routes say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from components.gateway.filters import WORKLOAD
from components.mesh.names import GATEWAY_NAMESPACE, PROXY
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster

KINDS = "virtualservices.networking.istio.io"
SECONDS = 90.0
_DUMP = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_route_configs")


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Service → percentage of an agent's requests. `owners`: the VirtualServices that say so, as `namespace/name`.

    Only these are looked at: somebody else's route may lead to the same Service, and is not shared out.
    """

    percents: Mapping[str, int]
    owners: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """The gateway's pods of a cluster. `namespace`: whose routes are meant, where not all tenants'."""

    cluster: Cluster
    namespace: str | None = None

    def shared(self) -> Shares:
        """Where routes share requests out, as declared. Raises UserError."""
        found = self._shared()
        percents = {host: part for routes in found.values() for route in routes for host, part in route.items()}
        return Shares(percents=percents, owners=frozenset(found))

    def without_candidates(self) -> Shares:
        """The same once the candidates, who stand beside an agent's own Service, get none. Raises UserError."""
        found = self._shared()
        candidates = {host for routes in found.values() for route in routes for host in list(route)[1:]}
        return Shares(percents=dict.fromkeys(sorted(candidates), 0), owners=frozenset(found))

    def wait(self, wanted: Shares) -> None:
        """Until every pod sends each of these Services its percentage. Raises UserError where one does not in time."""
        if wanted.percents and not wait_until(lambda: self._know(wanted), SECONDS):
            raise UserError(
                what=f"the gateway does not know its routes {SECONDS:.0f} s after they changed",
                where=", ".join(f"{host}: {part} %" for host, part in wanted.percents.items()),
                fix="docs/runbooks/gateway-down.md",
                code=ExitCode.ERROR,
            )

    def _shared(self) -> dict[str, list[dict[str, int]]]:
        """VirtualService → those of its routes that lead to more than one Service."""
        found = {
            _named(each): [route for route in _routes(each) if len(route) > 1]
            for each in self.cluster.items(KINDS, self.namespace)
        }
        return {owner: routes for owner, routes in found.items() if routes}

    def _know(self, wanted: Shares) -> bool:
        pods = [name for pod in self.cluster.items("pods", GATEWAY_NAMESPACE) if (name := _serves(pod))]
        return bool(pods) and all(knows(self._dump(pod), wanted) for pod in pods)

    def _dump(self, pod: str) -> object:
        try:
            return json.loads(self.cluster.execute(pod, GATEWAY_NAMESPACE, PROXY, _DUMP))
        except UserError:
            return None  # it begins or ends just now: whoever waits asks again


def knows(dump: object, wanted: Shares) -> bool:
    """Whether an Envoy's routes give each Service its percentage; one with none of the requests stands in no route."""
    if dump is None:
        return False
    seen: dict[str, set[int]] = {host: set() for host in wanted.percents}
    for cluster, percent in _targets(dump, wanted.owners):
        host = cluster.rpartition("|")[2]
        if host in seen:
            seen[host].add(percent)
    return all(seen[host] == ({percent} if percent else set()) for host, percent in wanted.percents.items())


def _serves(pod: Mapping[str, object]) -> str:
    """The name of a gateway's pod that is sent requests; "" for any other: what an autoscaler asked for in vain is
    nobody's way, and would be waited for in vain."""
    match pod:
        case {"metadata": {"name": str(name), "labels": {**labels}}, "status": {"conditions": [*conditions]}}:
            ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
            return name if ready and WORKLOAD.items() <= labels.items() else ""
    return ""


def _targets(node: object, owners: AbstractSet[str]) -> Iterator[tuple[str, int]]:
    """Each cluster that a route of these owners leads to in the dump, and its percentage: 100 for the only one."""
    match node:
        case {"route": action, "metadata": {"filter_metadata": {"istio": {"config": str(path)}}}}:
            if _owner(path) in owners:
                yield from _clusters(action)
        case dict():
            for value in node.values():
                yield from _targets(value, owners)
        case list():
            for value in node:
                yield from _targets(value, owners)


def _owner(path: str) -> str:
    """`namespace/name` of `/apis/GROUP/VERSION/namespaces/NAMESPACE/KIND/NAME`, as istiod notes it with a route."""
    parts = path.split("/")
    return f"{parts[-3]}/{parts[-1]}" if len(parts) > 3 else ""


def _clusters(action: object) -> Iterator[tuple[str, int]]:
    match action:
        case {"weighted_clusters": {"clusters": [*clusters]}}:
            for each in clusters:
                if isinstance(each, dict):
                    yield str(each.get("name")), int(each.get("weight", 0))
        case {"cluster": str(name)}:
            yield name, 100


def _named(found: Mapping[str, object]) -> str:
    match found:
        case {"metadata": {"namespace": str(namespace), "name": str(name)}}:
            return f"{namespace}/{name}"
    return ""


def _routes(found: Mapping[str, object]) -> Iterator[dict[str, int]]:
    """Of each route of a VirtualService: Service → percentage."""
    match found:
        case {"spec": {"http": [*routes]}}:
            for route in routes:
                match route:
                    case {"route": [*targets]}:
                        yield dict(_target(target) for target in targets)


def _target(target: object) -> tuple[str, int]:
    match target:
        case {"destination": {"host": str(host)}, **more}:
            weight = more.get("weight", 0)
            return host, weight if isinstance(weight, int) else 0
    return "", 0
