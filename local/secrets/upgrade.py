"""Replaces OpenBao's nodes, one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from pydantic import JsonValue, TypeAdapter

from components.secrets.names import NAMESPACE, OPENBAO
from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.secrets.install import Place
from local.secrets.life import seal_of, snapshot, unseal, wait_active

_REVISION = "controller-revision-hash"
_Object = TypeAdapter(dict[str, JsonValue])
GONE_SECONDS = 120.0


def upgrade(place: Place, progress: Progress) -> Iterator[str]:
    """Gives a line for each node. Killed, it goes on with the nodes that are left when it is run again."""
    reach = place.reach
    wanted = _wanted(place)
    old = [pod for pod in reach.pods() if _revision(place, pod) != wanted]
    if not old:
        yield "every node is of this version and configuration"
        return
    with reach.any() as api:
        asking = reach.operator(api)
        file = place.folder / "snapshots" / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}-before-upgrade.snap"
        snapshot(asking, file)
        active = next((pod for pod in old if _is_active(place, pod)), None)
    yield f"snapshot: {file}"
    for pod in sorted(old, key=lambda name: name == active):
        with progress.step(f"Replacing {pod}"):
            yield _replace(place, pod)


def _replace(place: Place, pod: str) -> str:
    reach = place.reach
    before = _meta(place, pod).get("uid")
    if _is_active(place, pod) and len(reach.pods()) > 1:
        with reach.node(pod) as api:
            reach.operator(api).write("sys/step-down")
    place.cluster.delete("pod", pod, NAMESPACE)
    if not wait_until(lambda: _meta(place, pod).get("uid") not in {before, None}, GONE_SECONDS):
        raise UserError(what=f"{pod} does not come back", fix=f"kubectl get pods -n {NAMESPACE}", code=ExitCode.ERROR)
    reach.wait_running()
    with reach.node(pod) as api:
        unseal(api, place.shares)
        wait_active(api)
        return f"{pod}: {seal_of(api).version}, unsealed"


def _wanted(place: Place) -> object:
    found = place.cluster.get("statefulset", OPENBAO, NAMESPACE) or {}
    return _Object.validate_python(found.get("status") or {}).get("updateRevision")


def _meta(place: Place, pod: str) -> dict[str, JsonValue]:
    found = place.cluster.get("pod", pod, NAMESPACE) or {}
    return _Object.validate_python(found.get("metadata") or {})


def _revision(place: Place, pod: str) -> object:
    return _Object.validate_python(_meta(place, pod).get("labels") or {}).get(_REVISION)


def _is_active(place: Place, pod: str) -> bool:
    return _Object.validate_python(_meta(place, pod).get("labels") or {}).get("openbao-active") == "true"
