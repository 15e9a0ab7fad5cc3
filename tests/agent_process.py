"""The agent runtime as a process of its own, as its image runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.paths import CHECKOUT


@dataclass(frozen=True)
class Agent:
    """`api`, `metrics`: ports of 127.0.0.1."""

    api: int
    metrics: int


@contextmanager
def running(tenant: str, manifest: Path, more: Mapping[str, str] | None = None) -> Iterator[Agent]:
    """An agent on free ports, for as long as the block lasts. `more`: variables beside what every agent is given."""
    path = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "images" / "agent-runtime")])
    given = {"AGENT_HOST": "127.0.0.1", "AGENT_PORT": "0", "AGENT_METRICS_PORT": "0", "AGENT_SETTLE": "0s"}
    given |= {"AGENT_MANIFEST": str(manifest), "AGENT_TENANT": tenant, "PYTHONPATH": path, **(more or {})}
    command = [sys.executable, "-m", "agent_runtime"]
    with subprocess.Popen(
        command, env={**os.environ, **given}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield _serving(process, tenant)
        finally:
            process.kill()


def _serving(process: subprocess.Popen[str], tenant: str) -> Agent:
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if said["message"] == "serving":
            # A pipe that nobody reads stops whoever writes to it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return Agent(int(said["port"]), int(said["metrics_port"]))
    raise AssertionError(f"the agent of {tenant} did not start")
