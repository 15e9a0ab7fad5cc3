"""The command line as a user runs it, from this checkout or from a copy of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from groundwork.waiting import wait_until
from local import record
from local.cluster import Cluster
from local.paths import CHECKOUT, Paths
from local.up import cluster_of
from stacks.settings import from_file, settings_file
from tests.components.recording import at


def groundwork(
    *arguments: str,
    checkout: Path = CHECKOUT,
    variables: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end. `variables`: set beside the test's own environment; `stdin`: what it reads."""
    command = [sys.executable, "-m", "groundwork", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout), **(variables or {})}
    return subprocess.run(
        command, cwd=checkout, env=environment, input=stdin, capture_output=True, text=True, check=False
    )


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """The command's output; fails the test with what it said when it did not pass."""
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def up(*arguments: str, checkout: Path = CHECKOUT, variables: Mapping[str, str] | None = None) -> dict[str, object]:
    """`groundwork up local`, as JSON."""
    done = groundwork("up", "local", "--json", *arguments, checkout=checkout, variables=variables)
    outcome: dict[str, object] = json.loads(succeeded(done))
    return outcome


def have_up() -> None:
    """`groundwork up local`, unless it is up already with everything available: who only uses it need not wait.

    Where it answers, what is just being scaled or replaced is given a minute and a half.
    """
    made = record.read(Paths.for_user())
    cluster = cluster_of(made, Paths.for_user()) if made is not None else None
    if cluster is None or not _is_whole(cluster) or not wait_until(partial(_runs, cluster), 90):
        up()


def _is_whole(cluster: Cluster) -> bool:
    if not cluster.answers():
        return False
    there = {at(deployment, "metadata", "namespace") for deployment in cluster.items("deployments")}
    return there.issuperset(from_file(settings_file("local", CHECKOUT)).tenants)


def _runs(cluster: Cluster) -> bool:
    return all(map(_is_rolled_out, cluster.items("deployments")))


def _is_rolled_out(deployment: Mapping[str, object]) -> bool:
    wanted = at(deployment, "spec", "replicas")
    counts = (at(deployment, "status", f"{state}Replicas") or 0 for state in ("updated", "available"))
    seen = at(deployment, "status", "observedGeneration") == at(deployment, "metadata", "generation")
    return seen and all(count == wanted for count in counts)


def start(
    *arguments: str, checkout: Path = CHECKOUT, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, to be interrupted. Its standard error says how far it is."""
    command = [sys.executable, "-m", "groundwork", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout), **(variables or {})}
    return subprocess.Popen(
        command, cwd=checkout, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the command and all that it started and that did not leave its group, as when a session ends."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def repository_of_checkout(folder: Path) -> Path:
    """The same as a git repository of its own, with all of it in a first commit."""
    copy_of_checkout(folder)
    (folder / ".git" / "info").mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / ".git" / "info" / "exclude").write_text(".venv\n", "utf-8")
    commit(folder)
    return folder


def commit(repository: Path) -> str:
    """Commit all that has changed; the commit."""
    git(repository, "add", "--all")
    git(repository, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "--allow-empty", "-mx")
    return git(repository, "rev-parse", "HEAD").strip()


def git(repository: Path, *arguments: str) -> str:
    """What git says. Raises CalledProcessError."""
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def copy_of_checkout(folder: Path) -> Path:
    """The files that git tracks or would track, to be changed without touching the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = CHECKOUT / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
