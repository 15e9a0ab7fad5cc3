"""Slow and failing answers of an agent, made in its own proxy: behind every route to it.

Timeouts, retries and ejection of who calls act on them as on the agent's own, which they do not where a route itself
has the fault. This kernel has no netem: latency on a link is made here too.
"""

from __future__ import annotations

import json

from pydantic import JsonValue

from components.mesh.names import PROXY
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.faults import ground
from loadtests.faults.ground import MARK, Pod

KNOWN_SECONDS = 60.0
MOST_MILLISECONDS = 30_000
_KIND = "envoyfilters.networking.istio.io"
_MANAGER = "envoy.filters.network.http_connection_manager"
_CONFIGURATION = "config_dump?resource=dynamic_listeners"


def slow_answers(namespace: str, app: str, milliseconds: int, percent: int = 100) -> list[str]:
    """Hold up a share of the requests to an app before it gets them, as on a long link or by a slow model."""
    ground.bounded("milliseconds", milliseconds, 1, MOST_MILLISECONDS)
    delay: dict[str, JsonValue] = {"fixed_delay": f"{milliseconds / 1000:g}s", "percentage": _share(percent)}
    return _put(namespace, app, {"delay": delay})


def failing_answers(namespace: str, app: str, status: int, percent: int = 100) -> list[str]:
    """Answer a share of the requests to an app with an error, as the agent does whose model fails."""
    ground.bounded("status", status, 500, 599)
    return _put(namespace, app, {"abort": {"http_status": status, "percentage": _share(percent)}})


def mend_answers(namespace: str, app: str) -> None:
    """Take slow and failing answers away, and wait until no proxy has them any more. Raises UserError."""
    ground.ours(namespace)
    ground.here().delete(_KIND, _name(app), namespace)
    _wait(namespace, app, there=False)


def left() -> list[str]:
    """The filters of faults that still stand."""
    found = ground.here().items(_KIND)
    return [f"EnvoyFilter {name} stands" for each in found if (name := ground.name_of(each)).startswith(MARK)]


def _put(namespace: str, app: str, fault: dict[str, JsonValue]) -> list[str]:
    mend_answers(namespace, app)  # so that a proxy that has a fault has this one
    ground.here().apply(_filter(namespace, app, fault))
    return _wait(namespace, app, there=True)


def _filter(namespace: str, app: str, fault: dict[str, JsonValue]) -> dict[str, JsonValue]:
    typed: dict[str, JsonValue] = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
    inside: JsonValue = {"name": _MANAGER, "subFilter": {"name": "envoy.filters.http.router"}}
    patch: dict[str, JsonValue] = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": inside}}},
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": MARK, "typed_config": typed | fault}},
    }
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": _name(app), "namespace": namespace},
        "spec": {
            "workloadSelector": {"labels": {"app.kubernetes.io/name": app}},
            "configPatches": [patch],
        },
    }


def _wait(namespace: str, app: str, *, there: bool) -> list[str]:
    """Wait until every proxy of the app has the fault, or none has. Returns the pods. Raises UserError."""
    seen: list[Pod] = []

    def told() -> bool:
        seen[:] = [pod for pod in ground.pods(namespace, app) if PROXY in pod.containers]
        return bool(seen or not there) and all(_has_fault(pod) is there for pod in seen)

    if not wait_until(told, KNOWN_SECONDS):
        what = "have the fault" if there else "have lost the fault"
        raise UserError(what=f"not all proxies of {app} {what}", fix="is istiod there?", code=ExitCode.ERROR)
    return [pod.name for pod in seen]


def _has_fault(pod: Pod) -> bool:
    listeners = json.loads(ground.proxy(pod, _CONFIGURATION) or "{}")
    return json.dumps([each.get("active_state") for each in listeners.get("configs", [])]).find(f'"{MARK}"') >= 0


def _name(app: str) -> str:
    return f"{MARK}-{app}"


def _share(percent: int) -> dict[str, JsonValue]:
    ground.bounded("percent", percent, 1, 100)
    return {"numerator": percent, "denominator": "HUNDRED"}
