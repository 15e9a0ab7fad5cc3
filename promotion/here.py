"""Applies and watches an environment of this machine: the engine on the bill's own commit, with the bill's images."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from groundwork.verdict import Verdict
from loadtests.execute import Request, execute
from loadtests.plan import read_plan
from loadtests.store import Store
from local.cluster import Cluster
from local.paths import CHECKOUT, Paths
from local.up import cluster_of, require_up
from promotion.bill import Bill

# Which of the images a running pod shows, by the namespaces that are the platform's and the tenants' own.
APPLY_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True)
class LocalApplier:
    """Runs `pulumi up` of the environment and its tenants, from a work tree at the bill's commit.

    Deployments roll: the new pod is ready before an old one goes, so callers have somebody to answer them throughout.
    """

    paths: Paths
    progress: Progress

    def apply(self, environment: str, bill: Bill) -> None:
        """See `Applier`."""
        require_up(environment, self.paths)
        tree = work_tree(CHECKOUT, self.paths.data / "promotion" / "trees", bill.source)
        pin_images(tree / f"Pulumi.{environment}.yaml", bill)
        with self.progress.step(f"applying {bill.digest[:19]} to {environment}"):
            done = subprocess.run(
                [sys.executable, "-m", "promotion.engine", environment],
                cwd=tree,
                capture_output=True,
                text=True,
                check=False,
                timeout=APPLY_SECONDS,
            )
        if done.returncode != 0:
            raise UserError(
                what=f"the engine failed: {done.stderr.strip()[-3000:]}", where=environment, code=ExitCode.ERROR
            )
        wrong = bill.differences(running_images(cluster_of(require_up(environment, self.paths), self.paths), bill))
        if wrong:
            raise UserError(
                what=f"what runs is not the bill: {'; '.join(wrong)}", where=environment, code=ExitCode.FAIL
            )


@dataclass(frozen=True, kw_only=True)
class LoadAnalyser:
    """A load run beside the change: its verdict is what callers noticed."""

    paths: Paths
    progress: Progress

    @contextmanager
    def watching(self, environment: str, bill: str, plan: str) -> Iterator[LoadRun]:
        """See `Analyser`."""
        run = LoadRun(Request(plan=read_plan(plan), environment=environment, about={"bill": bill}), self)
        run.thread.start()
        try:
            yield run
        finally:
            run.thread.join()


class LoadRun:
    """See `Analysis`."""

    def __init__(self, wanted: Request, analyser: LoadAnalyser) -> None:
        self._wanted, self._analyser = wanted, analyser
        self._found: list[Verdict] = []
        self._errors: list[UserError] = []
        self.thread = threading.Thread(target=self._run, daemon=True)

    def verdict(self) -> Verdict:
        """The run's. Raises UserError where it could not be made."""
        self.thread.join()
        if self._errors:
            raise self._errors[0]
        return self._found[0]

    def _run(self) -> None:
        try:
            store = Store(self._analyser.paths.data / "load")
            self._found.append(execute(self._wanted, store, self._analyser.progress)[0].verdict)
        except UserError as error:
            self._errors.append(error)
        except Exception as error:  # noqa: BLE001 – said by verdict(), in the thread that asks
            self._errors.append(UserError(what=f"the analysis failed: {error!r}", code=ExitCode.ERROR))


def work_tree(checkout: Path, folder: Path, commit: str) -> Path:
    """The files of a commit, in a folder of their own; made once. Raises UserError where the commit is not there."""
    tree = folder / commit
    if not (tree / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = ["git", "-C", str(checkout), "worktree", "add", "--force", "--detach", str(tree), commit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UserError(
                what=f"commit {commit[:12]} is not in this checkout: {done.stderr.strip()}", code=ExitCode.ERROR
            )
    else:
        subprocess.run(["git", "-C", str(tree), "checkout", "--quiet", "--force", commit], check=True)
    return tree


def pin_images(file: Path, bill: Bill) -> None:
    """In the work tree, the environment's settings name the bill's images and no others."""
    document: object = yaml.safe_load(file.read_text("utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise UserError(what="has no settings", where=str(file), code=ExitCode.ERROR)
    document["config"]["groundwork:images"] = dict(bill.images)
    write_atomically(file, yaml.safe_dump(document, sort_keys=False))


def running_images(cluster: Cluster, bill: Bill) -> dict[str, str]:
    """Image name → what runs, as declared by the pods: the one reference, or all that there are.

    An image of the bill that no pod has is left as the bill says: it is not in use.
    """
    by_repository = {reference.partition("@")[0]: name for name, reference in bill.images.items()}
    found: dict[str, set[str]] = {}
    for pod in cluster.items("pods"):
        for reference in _references(pod):
            name = by_repository.get(reference.partition("@")[0].partition(":")[0])
            if name is not None:
                found.setdefault(name, set()).add(reference)
    return {name: ", ".join(sorted(found[name])) if name in found else bill.images[name] for name in bill.images}


def _references(pod: object) -> Iterator[str]:
    match pod:
        case {"metadata": {"deletionTimestamp": _}}:
            return
        case {"spec": {"containers": [*containers], **more}}:
            initial = more.get("initContainers")
            for container in [*containers, *(initial if isinstance(initial, list) else [])]:
                if isinstance(container, dict):
                    yield str(container.get("image", ""))
