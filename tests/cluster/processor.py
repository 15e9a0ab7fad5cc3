"""Processor time that containers took, from their control groups."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.node import kubectl

# cgroup v1 counts in nanoseconds in a file of its own, v2 in microseconds in the first line of cpu.stat.
V1, V2 = Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that runs. `id`: containerd's."""

    pod: str
    name: str
    id: str


def containers(namespace: str) -> list[Container]:
    """All that run in a namespace: sidecars, which are init containers that stay, too."""
    pods = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]
    return [one for pod in pods for one in _running(pod["metadata"]["name"], pod["status"])]


def _running(pod: str, status: dict[str, list[dict[str, object]]]) -> Iterator[Container]:
    for row in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = row["state"]
        if isinstance(state, dict) and "running" in state:
            yield Container(pod=pod, name=str(row["name"]), id=str(row["containerID"]).rpartition("/")[2])


def seconds(measured: Sequence[Container]) -> float:
    """What they took together since each began, in seconds of one core. Raises LookupError for one that is gone."""
    return sum(_seconds(one) for one in measured)


def _seconds(container: Container) -> float:
    root = V1 if V1.is_dir() else V2
    folder = next((path for path in root.rglob(f"*{container.id}*") if path.is_dir()), None)
    if folder is None:
        raise LookupError(f"{container.pod}/{container.name} has no control group")
    if root == V1:
        return int((folder / "cpuacct.usage").read_text()) / 1e9
    return int((folder / "cpu.stat").read_text().split()[1]) / 1e6
