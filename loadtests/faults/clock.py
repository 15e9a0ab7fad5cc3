"""A clock that is wrong: an agent's processes see another time of day, by libfaketime in their containers.

The kernel has one time of day for all (its time namespaces shift only clocks that count from a start). The library
stands between the agent and that clock; its sidecar, and what counts from a start, keep the true one.
"""

from __future__ import annotations

import base64
import json
import platform
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from groundwork.console import PlainProgress
from loadtests.faults import ground
from loadtests.faults.ground import MARK
from local.toolchain.debian import Package, ensure

NAME = "libfaketimeMT.so.1"  # the one for processes with threads
LIBRARY = Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/{NAME}")
PACKAGE = Package(name="libfaketime", purpose="gives an agent a wrong clock", programs=(str(LIBRARY),))
MOST_MINUTES, NEAR_SECONDS = 24 * 60, 30.0
_PLACE = f"/opt/{MARK}"
_GONE: Mapping[str, JsonValue] = {"$patch": "delete"}
_QUESTION = ("python3", "-c", "import time; print(time.time())")


def skew_clock(namespace: str, deployment: str, container: str, minutes: int) -> None:
    """Roll out a Deployment whose container's clock is so many minutes ahead (behind, where negative)."""
    ground.ours(namespace)
    ground.bounded("minutes", abs(minutes), 1, MOST_MINUTES)
    ensure(PlainProgress(), [PACKAGE])
    cluster = ground.here()
    data: JsonValue = {NAME: base64.b64encode(LIBRARY.read_bytes()).decode()}
    meta = {"name": MARK, "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "binaryData": data})
    env: list[JsonValue] = [dict(each) for each in _environment(minutes)]
    mount: JsonValue = {"name": MARK, "mountPath": _PLACE, "readOnly": True}
    own: dict[str, JsonValue] = {"name": container, "env": env, "volumeMounts": [mount]}
    _patch(namespace, deployment, own, {"name": MARK, "configMap": {"name": MARK, "defaultMode": 0o555}})


def right_clock(namespace: str, deployment: str, container: str) -> bool:
    """Roll it out as it was, where its clock is wrong. Returns True."""
    ground.ours(namespace)
    cluster = ground.here()
    if MARK in json.dumps((cluster.get("deployment", deployment, namespace) or {}).get("spec")):
        env: list[JsonValue] = [{"name": each["name"], **_GONE} for each in _environment(1)]
        mount: JsonValue = {"mountPath": _PLACE, **_GONE}
        own: dict[str, JsonValue] = {"name": container, "env": env, "volumeMounts": [mount]}
        _patch(namespace, deployment, own, {"name": MARK, **_GONE})
    cluster.delete("configmap", MARK, namespace)
    return True


def clock_is_off(namespace: str, app: str, container: str, minutes: int) -> bool:
    """Whether each pod of an app sees a time of day that is so many minutes from this machine's."""
    pods = ground.pods(namespace, app)
    offs = [float(ground.inside(pod.containers[container], *_QUESTION)) - time.time() for pod in pods]
    return bool(offs) and all(abs(off - 60 * minutes) < NEAR_SECONDS for off in offs)


def left() -> list[str]:
    """The libraries of wrong clocks that are still in a tenant's namespace."""
    cluster = ground.here()
    return [f"{space} has a wrong clock" for space in ground.TENANTS if cluster.get("configmap", MARK, space)]


def _environment(minutes: int) -> tuple[dict[str, str], ...]:
    values: Mapping[str, str] = {
        "LD_PRELOAD": f"{_PLACE}/{NAME}",
        "FAKETIME": f"{minutes:+d}m",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }
    return tuple({"name": name, "value": value} for name, value in values.items())


def _patch(namespace: str, deployment: str, container: JsonValue, volume: JsonValue) -> None:
    patch = {"spec": {"template": {"spec": {"volumes": [volume], "containers": [container]}}}}
    words = ("-n", namespace, "--type=strategic", "-p", json.dumps(patch))
    ground.here().do("patch", f"deployment/{deployment}", *words)
