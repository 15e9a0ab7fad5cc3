"""The vendor's own Pulumi programs, which are used where this machine has them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from local.paths import CHECKOUT, Paths
from local.toolchain import pins
from local.toolchain.programs import PROGRAMS
from local.toolchain.survey import ask_version, on_path
from local.toolchain.versions import Version

_OURS = (b"local.kubernetes_plugin", b"local.aws_plugin")


def vendor_pulumi() -> Path | None:
    """The official `pulumi` on PATH, where its version fits; None where this project builds the engine itself."""
    program = PROGRAMS["pulumi"]
    allowed = pins.fitting(program)
    for path in on_path(program.name, without=[Paths.for_user().toolchain / "bin"]):
        seen = ask_version(path, program.ask)
        if seen is not None and seen in allowed:
            return path
    return None


def vendor_kubernetes_plugin(environment: Mapping[str, str] | None = None) -> Path | None:
    """The vendor's Kubernetes plugin; None where this machine has none."""
    return vendor_plugin("kubernetes", environment)


def vendor_plugin(name: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """The vendor's plugin `name`: on PATH, or installed by the engine in a version the SDK can use; else None.

    On PATH any version serves, as the engine takes it unasked. This project's own of the same name is passed over.
    """
    for path in on_path(f"pulumi-resource-{name}", without=[CHECKOUT / "local" / f"{name}_plugin" / "bin"]):
        if not _is_ours(path):
            return path
    wanted = Version.find(metadata.version(f"pulumi-{name}"))
    fitting = [
        (version, path)
        for version, path in _installed(name, os.environ if environment is None else environment)
        if wanted is not None and version.final and version.major == wanted.major and version >= wanted
    ]
    return max(fitting)[1] if fitting else None


def _is_ours(path: Path) -> bool:
    """Whether it is this project's script, from whatever checkout. The vendor's is a native program."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return True
    return head.startswith(b"#!") and any(ours in head or ours.replace(b".", b"/") in head for ours in _OURS)


def _installed(name: str, environment: Mapping[str, str]) -> Iterator[tuple[Version, Path]]:
    """The engine's own plugin folder; a `.partial` file beside a version marks one whose download did not end."""
    home = environment.get("PULUMI_HOME")
    plugins = (Path(home) if home else Path.home() / ".pulumi") / "plugins"
    for folder in sorted(plugins.glob(f"resource-{name}-v*/")):
        version = Version.find(folder.name.removeprefix(f"resource-{name}-"))
        program = folder / f"pulumi-resource-{name}"
        partial = folder.with_name(f"{folder.name}.partial").exists()
        if version is not None and not partial and os.access(program, os.X_OK):
            yield version, program
