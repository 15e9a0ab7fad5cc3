"""Applies a bill to an environment of this machine: the engine on the bill's own commit, with the bill's images."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.paths import CHECKOUT, Paths
from local.record import Way
from local.up import cluster_of, require_up
from promotion.bill import Bill
from promotion.gateways import Gateways, Shares
from promotion.shift import BACK, Part, Stage, forward
from promotion.signing import Signed
from stacks.bills_settings import BillsSettings, SignedBill
from stacks.rollout import Rollout

APPLY_SECONDS, RUNNING_SECONDS = 1800.0, 90.0


@dataclass(frozen=True, kw_only=True)
class LocalApplier:
    """Runs the engine on the environment and its tenants, from a work tree at the bill's commit. See `Applier`.

    An environment's tenant (`local.acme`) is moved alone: what all tenants share stays as it is.
    `signed`: a bill, by its digest, as it was signed; `principals`: the file that says who may; `checkout`: has the
    commits of bills; `trees`: where their work trees are, if not where this user's own are.
    """

    paths: Paths
    progress: Progress
    signed: Callable[[str], Signed]
    principals: Path
    checkout: Path = CHECKOUT
    trees: Path | None = None

    def apply(self, environment: str, bill: Bill) -> None:
        """See `Applier`. Without candidates, Deployments roll: the new pod is ready before an old one goes."""
        without = self._gateways(environment).without_candidates()
        for stage in BACK if without.percents else BACK[-1:]:
            self._run(environment, bill, stage, None)
            if stage.settled:
                self._wait(environment, without)
        self._hold(environment, bill)

    def shift(self, environment: str, serving: Bill, bill: Bill, percents: Sequence[int]) -> Iterator[Stage]:
        """See `Applier`."""
        _, _, tenant = environment.partition(".")
        for stage in forward(percents):
            if tenant and stage.part is Part.PLATFORM:
                continue
            self._run(environment, bill, stage, serving)
            if stage.settled:
                self._wait(environment, self._gateways(environment).shared())
            yield stage
        self._hold(environment, bill)

    def _run(self, environment: str, bill: Bill, stage: Stage, serving: Bill | None) -> None:
        """The engine on a stage, with the bill's program, settings and images. `serving`: whom it is to replace."""
        trees = self.trees or self.paths.data / "promotion" / "trees"
        rollout = None
        # What all tenants share hears of both bills too: admission lets the images of both run.
        if serving is not None and (stage.percent is not None or stage.part is Part.PLATFORM):
            before = work_tree(self.checkout, trees, serving.source)
            rollout = Rollout(
                percent=stage.percent or 0, checkout=str(before), images=dict(serving.images), replaced=stage.replaced
            )
        tree = work_tree(self.checkout, trees, bill.source)
        proof = self._proof([bill] if rollout is None or serving is None else [bill, serving])
        pin_images(tree / f"Pulumi.{environment.partition('.')[0]}.yaml", bill, proof, rollout)
        with self.progress.step(f"{environment}: {bill.digest[:19]}: {stage}"):
            done = subprocess.run(
                [sys.executable, "-m", "promotion.engine", environment, stage.part],
                cwd=tree,
                env={**os.environ, "PYTHONPATH": str(tree), "GROUNDWORK_PYTHON": sys.executable},
                capture_output=True,
                text=True,
                check=False,
                timeout=APPLY_SECONDS,
            )
        if done.returncode != 0:
            raise UserError(what=f"the engine failed: {done.stderr.strip()}", where=environment, code=ExitCode.ERROR)

    def _proof(self, bills: Sequence[Bill]) -> BillsSettings:
        """For admission, which believes signatures alone."""
        signed = [SignedBill.model_validate(self.signed(bill.digest).model_dump()) for bill in bills]
        return BillsSettings(signed=tuple(signed), principals=str(self.principals.resolve()))

    def _hold(self, environment: str, bill: Bill) -> None:
        """Wait until nothing else runs than the bill says: pods that go are still named for a moment."""
        if not wait_until(lambda: not self._differences(environment, bill), RUNNING_SECONDS):
            wrong = self._differences(environment, bill)
            raise UserError(
                what=f"what runs is not the bill: {'; '.join(wrong)}", where=environment, code=ExitCode.FAIL
            )

    def _differences(self, place: str, bill: Bill) -> list[str]:
        cluster, tenant = self._where(place)
        return bill.differences(running_images(cluster, bill, tenant))

    def _gateways(self, place: str) -> Gateways:
        cluster, tenant = self._where(place)
        return Gateways(cluster=cluster, namespace=tenant)

    def _where(self, place: str) -> tuple[Cluster, str | None]:
        """The cluster, and the one tenant's namespace where the place is one."""
        environment, _, tenant = place.partition(".")
        return cluster_of(require_up(environment, self.paths), self.paths), tenant or None

    def _wait(self, environment: str, wanted: Shares) -> None:
        # On a simulated node no gateway runs that could know anything.
        if require_up(environment.partition(".")[0], self.paths).way is not Way.SIMULATED:
            self._gateways(environment).wait(wanted)


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


def pin_images(file: Path, bill: Bill, proof: BillsSettings, rollout: Rollout | None = None) -> None:
    """In the work tree, the environment's settings name the bill's images and no others, and whom it is to replace.

    `proof`: the bills as they were signed.
    """
    document: object = yaml.safe_load(file.read_text("utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise UserError(what="has no settings", where=str(file), code=ExitCode.ERROR)
    document["config"]["groundwork:images"] = dict(bill.images)
    document["config"]["groundwork:bills"] = proof.model_dump(mode="json", by_alias=True)
    if rollout is not None:
        document["config"]["groundwork:rollout"] = rollout.model_dump(mode="json", by_alias=True)
    write_atomically(file, yaml.safe_dump(document, sort_keys=False))


def running_images(cluster: Cluster, bill: Bill, namespace: str | None = None) -> dict[str, str]:
    """Image name → what runs, as declared by the pods, of one namespace or all: the one reference, or all there are.

    An image of the bill that no pod has is left as the bill says: it is not in use.
    """
    by_repository = {reference.partition("@")[0]: name for name, reference in bill.images.items()}
    found: dict[str, set[str]] = {}
    for pod in cluster.items("pods", namespace):
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
