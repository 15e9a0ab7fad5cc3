"""Charts, rendered by the `helm` program; nothing is installed by it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from local.paths import Paths
from local.plugin.errors import PluginError
from local.plugin.values import ASSET, SIGNATURE, Json, Object, plain

_MINUTES: Final = 10
_FLAGS: Final = {"version": "--version", "keyring": "--keyring"}
_SWITCHES: Final = {"devel": "--devel", "dependencyUpdate": "--dependency-update", "verify": "--verify"}
_REPOSITORY: Final = {
    "repo": "--repo",
    "username": "--username",
    "password": "--password",
    "caFile": "--ca-file",
    "certFile": "--cert-file",
    "keyFile": "--key-file",
}


@dataclass(frozen=True)
class Target:
    """The cluster a chart is rendered for (`kubeconfig`: path or text; empty for the ambient one), and from where."""

    kubeconfig: str
    context: str
    folder: Path
    reachable: bool = True


def find_program(program: str) -> str:
    """A program on PATH, or in this project's tool chain. Raises `PluginError`."""
    built = Paths.for_user().toolchain / "bin" / program
    found = shutil.which(program) or (str(built) if os.access(built, os.X_OK) else None)
    if found is None:
        raise PluginError(f"the program `{program}` is needed and is neither on PATH nor in the tool chain")
    return found


def render(release: str, namespace: str, arguments: Mapping[str, Json], target: Target) -> str:
    """The chart's manifests, with its CRDs unless `skipCrds`, without hooks. Raises `PluginError`."""
    given = plain(dict(arguments))
    with ExitStack() as files:
        command = [find_program("helm"), "template", release, str(given["chart"]), "--no-hooks"]
        command += [] if given.get("skipCrds") else ["--include-crds"]
        command += ["--namespace", namespace] if namespace else []
        command += [f"{flag}={given[key]}" for key, flag in _FLAGS.items() if isinstance(given.get(key), str)]
        command += [flag for key, flag in _SWITCHES.items() if given.get(key)]
        repository = given.get("repositoryOpts") or {}
        command += [f"{flag}={repository[key]}" for key, flag in _REPOSITORY.items() if repository.get(key)]
        for asset in given.get("valueYamlFiles") or []:
            command += ["--values", files.enter_context(_as_file(asset))]
        command += _connect(target, files)
        values = yaml.safe_dump(_with_assets(given.get("values") or {}, target.folder))
        manifest = _run([*command, "--values", "-"], values, target.folder)
    renderer = given.get("postRenderer")
    if renderer:
        manifest = _run([renderer["command"], *(renderer.get("args") or [])], manifest, target.folder)
    return manifest


def _connect(target: Target, files: ExitStack) -> Sequence[str]:
    if not target.reachable:
        return []
    # Objects of an earlier run are in the cluster: rendering must not take offence at them.
    command = ["--dry-run=server", "--take-ownership", "--disable-openapi-validation"]
    if target.context:
        command += ["--kube-context", target.context]
    if not target.kubeconfig:
        return command
    path = Path(target.kubeconfig).expanduser()
    is_file = "\n" not in target.kubeconfig and path.is_file()
    file = str(path.resolve()) if is_file else files.enter_context(_as_file({"text": target.kubeconfig}))
    return [*command, "--kubeconfig", file]


@contextmanager
def _as_file(asset: Object) -> Iterator[str]:
    """The path of an asset; one that is only text becomes a file that nobody else can read, for as long as needed."""
    if asset.get("path"):
        yield str(asset["path"])
        return
    if asset.get("uri"):
        yield str(asset["uri"])
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(str(asset.get("text", "")))
        file.flush()
        yield file.name


def _with_assets(value: Json, folder: Path) -> Json:
    """Values in which an asset stands for the text of its file."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == ASSET:
            return value["text"] if "text" in value else (folder / str(value.get("path"))).read_text()
        return {key: _with_assets(item, folder) for key, item in value.items()}
    return [_with_assets(item, folder) for item in value] if isinstance(value, list) else value


def _run(command: Sequence[str], text: str, folder: Path) -> str:
    try:
        done = subprocess.run(
            list(command), input=text, capture_output=True, text=True, cwd=folder, timeout=_MINUTES * 60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PluginError(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        reason = done.stderr.strip().removeprefix("Error: ")
        raise PluginError(f"{Path(command[0]).name} {command[1] if len(command) > 1 else ''} failed: {reason}")
    return done.stdout


def kustomize(directory: str, folder: Path) -> str:
    """The manifests that a kustomization makes. Raises `PluginError`."""
    return _run([find_program("kubectl"), "kustomize", directory], "", folder)
