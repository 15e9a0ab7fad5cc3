"""What the gateway's pods have been told of the tenants' routes, and whether it is what the routes say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.gateway.filters import WORKLOAD
from components.mesh.names import GATEWAY_NAMESPACE
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster

KINDS = "virtualservices.networking.istio.io"
SECONDS = 30.0
_DUMP = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_route_configs")


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """The gateway's pods of a cluster."""

    cluster: Cluster

    def shared(self) -> dict[str, int]:
        """Each Service that a route shares out to, and its percentage, as declared. Raises UserError."""
        return {
            host: weight
            for found in self.cluster.items(KINDS)
            for route in _routes(found)
            if len(route) > 1
            for host, weight in route.items()
        }

    def candidates(self) -> list[str]:
        """The Services that take part in an agent's requests beside its own. Raises UserError."""
        found = [route for each in self.cluster.items(KINDS) for route in _routes(each)]
        return sorted({host for route in found for host in list(route)[1:]})

    def wait(self, wanted: Mapping[str, int]) -> None:
        """Until every pod sends each of these Services its percentage. Raises UserError after half a minute."""
        if wanted and not wait_until(lambda: self._know(wanted), SECONDS):
            raise UserError(
                what=f"the gateway does not know its routes {SECONDS:.0f} s after they changed",
                fix="docs/runbooks/gateway-down.md",
                code=ExitCode.ERROR,
            )

    def _know(self, wanted: Mapping[str, int]) -> bool:
        pods = [name for pod in self.cluster.items("pods", GATEWAY_NAMESPACE) if (name := _serves(pod))]
        return bool(pods) and all(knows(self._dump(pod), wanted) for pod in pods)

    def _dump(self, pod: str) -> object:
        try:
            return json.loads(self.cluster.execute(pod, GATEWAY_NAMESPACE, "istio-proxy", _DUMP))
        except UserError:
            return None  # it begins or ends just now: whoever waits asks again


def knows(dump: object, wanted: Mapping[str, int]) -> bool:
    """Whether an Envoy's routes give each Service its percentage; one with none of the requests stands in no route."""
    if dump is None:
        return False
    seen: dict[str, set[int]] = {host: set() for host in wanted}
    for cluster, weight in _targets(dump):
        host = cluster.rpartition("|")[2]
        if host in seen:
            seen[host].add(weight)
    return all(seen[host] == ({weight} if weight else set()) for host, weight in wanted.items())


def _serves(pod: Mapping[str, object]) -> str:
    """The name of a gateway's pod that is sent requests; "" for any other: what an autoscaler asked for in vain is
    nobody's way, and would be waited for in vain."""
    match pod:
        case {"metadata": {"name": str(name), "labels": {**labels}}, "status": {"conditions": [*conditions]}}:
            ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
            return name if ready and WORKLOAD.items() <= labels.items() else ""
    return ""


def _targets(node: object) -> Iterator[tuple[str, int]]:
    """Each cluster that a route of the dump leads to, and its weight: 100 for the only one."""
    match node:
        case {"weighted_clusters": {"clusters": [*clusters]}}:
            for each in clusters:
                if isinstance(each, dict):
                    yield str(each.get("name")), int(each.get("weight", 0))
        case {"cluster": str(name)}:
            yield name, 100
        case dict():
            for value in node.values():
                yield from _targets(value)
        case list():
            for value in node:
                yield from _targets(value)


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
