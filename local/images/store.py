"""buildah's store of this project: builds in it, archives out of it, and mends what a killed run left behind."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from groundwork.console import Step
from local import machine
from local.images import process, settings
from local.images.archive import REPOSITORY

LIMIT = 4096 * machine.MIB  # above it, layers that no current image needs are dropped
_STEP = re.compile(r"^(\[\d+/\d+\] )?STEP \d+/\d+: ")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to build. `context`: the staged folder; `where`: the Dockerfile's name in errors."""

    file: Path
    context: Path
    where: str
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Store:
    """buildah with a store of its own below `root`. `lock`: the descriptor of the lock that the caller holds."""

    root: Path
    env: Mapping[str, str]
    lock: int

    @classmethod
    def open(cls, root: Path, lock: int) -> Store:
        """Make the store ready: no container and no scratch file of a killed run is left."""
        env = {**os.environ, **settings.write(root / "config", graph=root / "storage", run=root / "run")}
        store = cls(root=root, env={**env, "TMPDIR": str(root / "tmp")}, lock=lock)
        store._recover()
        return store

    @property
    def tmp(self) -> Path:
        """Scratch space: emptied when a store is opened."""
        return self.root / "tmp"

    def has(self, tag: str) -> bool:
        """Whether an image of this tag (`name:tag`) is there."""
        return self._buildah("images", "--quiet", f"{REPOSITORY}/{tag}").code == 0

    def build(self, recipe: Recipe, tag: str, step: Step) -> None:
        """Build a Dockerfile and give the image a tag (`name:tag`). The error of a failed step names it."""
        last = "reading the Dockerfile"

        def show(line: str) -> None:
            nonlocal last
            if _STEP.match(line):
                last = line
                step.update(line[:100])

        options = ["--isolation", "chroot", "--network", "host", "--timestamp", "0", "--identity-label=false"]
        options += ["--layers", "--pull-never", "--tag", f"{REPOSITORY}/{tag}", "--file", str(recipe.file)]
        options += [word for name, value in recipe.args.items() for word in ("--build-arg", f"{name}={value}")]
        options += [word for name, value in recipe.labels.items() for word in ("--label", f"{name}={value}")]
        outcome = self._buildah("bud", *options, str(recipe.context), on_line=show)
        if outcome.code != 0:
            raise process.failed(f"the image could not be built: {last}", outcome, where=recipe.where)

    def save(self, tag: str, file: Path, *, named: str | None) -> None:
        """Write an image as an OCI archive; `named`: the full name to write into it, if any."""
        target = f"oci-archive:{file}" + (f":{named}" if named else "")
        outcome = self._buildah(
            "push", "--format", "oci", "--compression-format", "zstd", f"{REPOSITORY}/{tag}", target
        )
        if outcome.code != 0:
            raise process.failed(f"image {tag} could not be written", outcome, where=str(file))

    def keep_only(self, name: str, tag: str) -> None:
        """Drop the images of `name` with another tag than `tag`; past `LIMIT` bytes, all layers that no tag needs."""
        listed = self._buildah("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}")
        old = [line for line in listed.output.split() if line.startswith(f"{REPOSITORY}/{name}:")]
        for reference in sorted(set(old) - {f"{REPOSITORY}/{tag}"}):
            self._buildah("rmi", reference)
        if _size(self.root / "storage") > LIMIT:
            self._buildah("rmi", "--prune")

    def _buildah(self, *words: str, on_line: Callable[[str], None] = lambda _line: None) -> process.Outcome:
        policy = ["--signature-policy", str(self.root / "config" / "policy.json")]
        takes_policy = words[0] in {"bud", "push"}
        command = ["buildah", words[0], *(policy if takes_policy else []), *words[1:]]
        return process.run(command, env=self.env, keep_open=(self.lock,), on_line=on_line)

    def _recover(self) -> None:
        # "run" counts mounts, and is wrong after a kill: they ended with the program that made them (see `process`).
        for scratch in (self.tmp, self.root / "run"):
            shutil.rmtree(scratch, ignore_errors=True)
        self.tmp.mkdir(parents=True)
        if any(self._buildah(*words).code != 0 for words in (("rm", "--all"), ("images", "--all"))):
            # The store is a cache: where it cannot be read any more, the next build makes it again.
            shutil.rmtree(self.root / "storage", ignore_errors=True)


def _size(folder: Path) -> int:
    """Bytes that the files below a folder take on disk."""
    total = 0
    for path, _folders, files in os.walk(folder):
        total += sum((Path(path) / name).lstat().st_blocks * 512 for name in files)
    return total
