"""A machine of its own for each test: one folder on PATH, a Go that only pretends, a cache that is empty."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.toolchain.programs import PROGRAMS

PYTHON = sys.executable
FAKE_GO = """
    import os, pathlib, sys
    home = pathlib.Path(os.environ["FAKE_GO"])
    arguments = sys.argv[1:]
    if arguments == ["version"]:
        print((home / "version").read_text())
    elif arguments[0] == "env":
        print(home / "mod", home / "cache", sep="\\n")
    elif arguments[:2] == ["list", "-deps"]:
        with (home / "fetched").open("a") as fetched:
            print(arguments[-1], file=fetched)
        if (home / "slow").exists():
            (home / "slow").read_text()          # a named pipe that nobody opens: until it is ended
    elif arguments[0] == "list":
        print(home / "mod" / arguments[-1])
    else:
        package, out = arguments[-1], pathlib.Path(arguments[arguments.index("-o") + 1])
        names = ("CGO_ENABLED", "GOFLAGS", "GOTOOLCHAIN", "GOTMPDIR", "GOWORK")
        with (home / "calls").open("a") as calls:
            print(package, pathlib.Path.cwd().name, *(f"{name}={os.environ[name]}" for name in names), *arguments,
                  sep="\\t", file=calls)
        out.write_text("half")
        print("go: downloading example.com/module v1.0.0\\nexample.com/package", file=sys.stderr, flush=True)
        if (home / "hold").exists():
            (home / "holding").write_text(str(os.getpid()))
            (home / "hold").read_text()          # a named pipe: until someone opens it for writing
        if (home / "fail").exists():
            sys.exit((home / "fail").read_text())
        out.write_text("#!/bin/sh\\necho whole\\n")
        out.chmod(0o755)
"""


@dataclass(frozen=True)
class Machine:
    """`path`: the only folder on PATH; `go`: what the pretended Go reads and writes; `toolchain`: the cache."""

    path: Path
    go: Path
    toolchain: Path

    def program(self, name: str, body: str) -> Path:
        """Put a program on PATH, in Python."""
        file = self.path / name
        file.write_text(f"#!{PYTHON} -IS\n{textwrap.dedent(body)}", encoding="utf-8")
        file.chmod(0o755)
        return file

    def says(self, name: str, text: str) -> Path:
        """Put a program on PATH that prints a text, whatever it is asked."""
        return self.program(name, f"print({text!r})")

    def built(self) -> list[str]:
        """The main packages that Go was asked to build, in order."""
        file = self.go / "calls"
        return [line.split("\t")[0] for line in file.read_text().splitlines()] if file.exists() else []

    def fetched(self) -> list[str]:
        """The main packages whose sources Go was asked for before they were built."""
        file = self.go / "fetched"
        return file.read_text().split() if file.exists() else []

    def calls(self) -> list[list[str]]:
        """All that each build was given: package, folder, settings, arguments."""
        return [line.split("\t") for line in (self.go / "calls").read_text().splitlines()]


def _fill_module_cache(folder: Path) -> None:
    """What the pins keep of their modules, each file with its own name in it; read-only, as Go leaves it."""
    for pin in {program.pin for program in PROGRAMS.values()}:
        for path, source in pin.files:
            origin = folder / pin.module / source
            file = origin / "Chart.yaml" if path.startswith("charts/") else origin
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(path)
            file.chmod(0o444)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with Go 1.26.8 and nothing else."""
    made = Machine(path=tmp_path / "path", go=tmp_path / "go", toolchain=tmp_path / "toolchain")
    made.path.mkdir()
    made.go.mkdir()
    (made.go / "version").write_text("go version go1.26.8 linux/amd64")
    made.program("go", FAKE_GO)
    _fill_module_cache(made.go / "mod")
    monkeypatch.setenv("PATH", str(made.path))
    monkeypatch.setenv("FAKE_GO", str(made.go))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    return made
