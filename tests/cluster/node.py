"""The real node under test."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

from local import toolchain
from local.node import NodeSettings, status, up
from local.paths import Paths
from tests.local.node.quiet import Quiet

SETTINGS = NodeSettings.real(Paths.for_user())
PKI = SETTINGS.config / "pki"


@functools.cache
def tools() -> toolchain.Toolchain:
    """The node's programs."""
    return toolchain.ensure(toolchain.LOCAL_NODE, progress=Quiet())


def bring_up() -> list[str]:
    """`up`; the tasks that changed something."""
    return list(up(SETTINGS, tools(), Quiet()))


def kubectl(*arguments: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """As the administrator."""
    return kubectl_with(SETTINGS.kubeconfig, *arguments, check=check, stdin=stdin)


def kubectl_with(
    kubeconfig: Path, *arguments: str, check: bool = True, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """As whoever the kubeconfig says."""
    command = [str(tools().path("kubectl")), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def raw(path: str) -> dict[str, object]:
    """What the API server answers to a GET, as the administrator."""
    answer: dict[str, object] = json.loads(kubectl("get", "--raw", path).stdout)
    return answer


def arguments_of(service: str) -> dict[str, str]:
    """The flags a running service was started with, without their dashes."""
    words = (Path("/proc") / str(status(SETTINGS).services[service]) / "cmdline").read_text().split("\0")
    pairs = [word.lstrip("-").partition("=") for word in words if word.startswith("--")]
    return {name: value for name, _, value in pairs}


def all_running() -> bool:
    """Whether every service runs and the node is Ready."""
    found = status(SETTINGS)
    return found.ready and not found.missing
