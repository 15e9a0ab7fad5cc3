"""Replaces OpenBao's nodes, one after the other: standbys first, and none that the others could not do without."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from pydantic import JsonValue, TypeAdapter

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.secrets.api import data
from local.secrets.install import Place
from local.secrets.life import leads, seal_of, snapshot, unseal, wait_active
from local.secrets.nodes import numbers, refuse_earlier, serves, unseal_all
from local.secrets.reach import Reach

# A node that was just replaced has to catch up with the log before it counts as healthy.
HEALTHY_SECONDS = 60.0
_Servers = TypeAdapter(dict[str, dict[str, JsonValue]])


def upgrade(place: Place, progress: Progress) -> Iterator[str]:
    """Gives a line for each node. Killed, it goes on with the nodes that are left when it is run again.

    Raises UserError, with nothing replaced, where there is no majority of nodes that serve; and with one node sealed
    and its data untouched, where what is wanted is an earlier version than runs.
    """
    reach = place.reach
    reach.refuse_another()
    left = reach.outdated()
    # One that was replaced by a run that was killed stands sealed.
    for pod, done in unseal_all(reach, place.shares, [pod for pod in reach.pods() if pod not in left]):
        if done:
            yield f"{pod}: unsealed"
    if not left:
        yield "nothing changed: every node is of this version and configuration"
        return
    newest = _newest(reach)
    with reach.any() as api:
        file = place.folder / "snapshots" / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}-before-upgrade.snap"
        snapshot(reach.operator(api), file)
    yield f"snapshot: {file}"
    while left:
        pod = next((name for name in left if not _leads(reach, name)), left[0])
        left.remove(pod)
        with progress.step(f"Replacing {pod}"):
            yield _replace(place, pod, newest)


def _replace(place: Place, pod: str, newest: str) -> str:
    reach = place.reach
    if len(reach.pods()) > 1:
        _refuse_without_majority(reach, pod)
        if _leads(reach, pod):
            with reach.node(pod) as api:
                reach.operator(api).write("sys/step-down")
    reach.replace(pod)
    with reach.node(pod) as api:
        found = seal_of(api).version
        refuse_earlier(pod, found, newest)
        unseal(api, place.shares)
        wait_active(api)
    return f"{pod}: {found}, unsealed"


def _newest(reach: Reach) -> str:
    """The latest version that serves. Raises UserError where fewer than a majority do."""
    pods = reach.pods()
    serving = [version for pod in pods if (version := serves(reach, pod)) is not None]
    if len(serving) <= len(pods) // 2:
        raise UserError(
            what=f"{len(serving)} of {len(pods)} nodes of {reach.kind.called} serve: no majority",
            fix="groundwork vault unseal, then run it again",
            code=ExitCode.ERROR,
        )
    return max(serving, key=numbers)


def _refuse_without_majority(reach: Reach, pod: str) -> None:
    """Wait until a majority is there without this node too. Raises UserError after a minute."""
    pods = reach.pods()

    def enough() -> bool:
        others = [other for other in pods if other != pod and serves(reach, other) is not None]
        if len(others) <= len(pods) // 2:
            return False
        with reach.node(others[0]) as api:
            state = data(reach.operator(api).read("sys/storage/raft/autopilot/state"))
        servers = _Servers.validate_python(state.get("servers") or {})
        return sum(servers.get(other, {}).get("healthy") is True for other in others) > len(pods) // 2

    if not wait_until(enough, HEALTHY_SECONDS):
        raise UserError(
            what=f"without {pod} no majority of {len(pods)} nodes would be left",
            fix="groundwork vault status; unseal or mend the others, then run it again",
            code=ExitCode.ERROR,
        )


def _leads(reach: Reach, pod: str) -> bool:
    try:
        with reach.node(pod) as api:
            return leads(api)
    except UserError:
        return False
