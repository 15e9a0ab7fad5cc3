"""A git repository of the demo's own: this checkout's files, and three tenants, whose changes are its commits."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import JsonValue

from components.documents import Reader, compose, read_text
from groundwork.errors import UserError
from groundwork.files import write_atomically
from local.paths import CHECKOUT

AGENT = Path(__file__).parent / "guide.yaml"
# Nobody's: the commits are made and removed by the demo.
_AUTHOR = {f"GIT_{who}_{what}": "demo" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Repository:
    """`folder`: where it is. `tenants`: their names, each with the same one agent."""

    def __init__(self, folder: Path, tenants: Sequence[str]) -> None:
        self.folder, self._tenants = folder, tenants

    def begin(self) -> str:
        """Make it, with the agent as it is in guide.yaml; the commit. Raises UserError where there is no git."""
        for name in filter(None, _git(CHECKOUT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")):
            source, target = CHECKOUT / name, self.folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        _git(self.folder, "init", "--quiet", "--template=")
        for tenant in self._tenants:
            settings = {"name": tenant, "costCentre": "demo", "limits": {"requestsPerSecond": 200}}
            write_atomically(self.folder / "tenants" / tenant / "tenant.yaml", yaml.safe_dump(settings))
        return self.commit(agent())

    def commit(self, manifest: Mapping[str, JsonValue]) -> str:
        """The agent's manifest in every environment; the commit, also where nothing changed."""
        for tenant in self._tenants:
            file = self.folder / "tenants" / tenant / "agents" / AGENT.name
            write_atomically(file, yaml.safe_dump(dict(manifest), sort_keys=False))
        _git(self.folder, "add", "--all")
        _git(self.folder, "-c", "commit.gpgsign=false", "commit", "--quiet", "--allow-empty", "-m", "the demo's")
        return _git(self.folder, "rev-parse", "HEAD").strip()


def agent() -> Mapping[str, JsonValue]:
    """The manifest of guide.yaml."""
    found = Reader(AGENT.name).value(compose(read_text(AGENT, AGENT.name), AGENT.name))
    assert isinstance(found, dict)  # noqa: S101 – a file of ours
    return found


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **_AUTHOR})
    if done.returncode != 0:
        raise UserError(
            what=f"git: {done.stderr.strip()}",
            where=str(folder),
            fix="run the demo from a git checkout of this project",
        )
    return done.stdout
