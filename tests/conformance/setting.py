"""What the suite is pointed at by the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.console import PlainProgress
from local.paths import CHECKOUT, Paths
from local.toolchain import Toolchain, ensure
from tests.conformance.model import Event, Recording

_PODS = ("kubernetes:apps/", "kubernetes:batch/", "kubernetes:core/v1:Pod", "kubernetes:core/v1:PersistentVolumeClaim")


def default_plugin() -> Path:
    """GROUNDWORK_KUBERNETES_PLUGIN, or this project's own."""
    named = os.environ.get("GROUNDWORK_KUBERNETES_PLUGIN")
    return Path(named) if named else CHECKOUT / "local" / "kubernetes_plugin" / "bin" / "pulumi-resource-kubernetes"


def default_kubeconfig() -> Path:
    """KUBECONFIG where it names one file, or the local node's."""
    named = os.environ.get("KUBECONFIG")
    return Path(named) if named else Paths.for_user().kubeconfig


def needs_pods(recording: Recording) -> bool:
    """Whether a scenario has something that only a kubelet brings about."""
    return any(event.type is not None and event.type.startswith(_PODS) for event in _events(recording))


def _events(recording: Recording) -> list[Event]:
    operations = [operation for step in recording.steps for operation in (step.preview, step.up) if operation]
    return [event for operation in operations for event in operation.events or []]


@contextmanager
def tools(names: tuple[str, ...]) -> Iterator[Toolchain]:
    """Have these programs, and put them first on PATH meanwhile: for the engine, the scenarios and the plugin."""
    found, before = ensure(names, progress=PlainProgress()), os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{found.bin_dir}{os.pathsep}{before}"
    try:
        yield found
    finally:
        os.environ["PATH"] = before
