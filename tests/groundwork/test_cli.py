"""The command line as a user runs it: what bad input says, and how it exits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork.errors import ExitCode

VERBS = [
    "up", "preview", "down", "doctor", "kubeconfig", "env", "images", "toolchain",
    "agent", "tenant", "key", "domain", "mesh", "demo",
]  # fmt: skip


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GROUNDWORK_HOME": str(home)}
    command = [sys.executable, "-m", "groundwork", *arguments]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, tmp_path: Path) -> None:
    done = run(verb, "--help", home=tmp_path)
    assert done.returncode == ExitCode.PASS
    assert verb in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("up", "nowhere"), ["there is no environment 'nowhere'", "allowed: dev, ecs, local, prod, staging", "fix: "]),
        (("up", "local", "--kubeconfig", "/no/such/file"), ["/no/such/file", "no such kubeconfig", "fix: "]),
        (("up", "local", "--nonsense"), ["--nonsense"]),
        (("down",), ["asks first", "--yes"]),
        (("agent", "validate", "/no/such.yaml"), ["/no/such.yaml"]),
        (("images", "build", "nothing"), ["nothing", "agent-runtime"]),
    ],
)
def test_bad_input_is_one_clear_error_and_exit_code_2(
    arguments: tuple[str, ...], words: list[str], tmp_path: Path
) -> None:
    done = run(*arguments, home=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing half done


@pytest.mark.parametrize("verb", ["kubeconfig", "preview"])
def test_what_needs_an_environment_says_how_to_get_one(verb: str, tmp_path: Path) -> None:
    done = run(verb, home=tmp_path)
    assert done.returncode == ExitCode.ERROR
    assert "groundwork up local" in done.stderr


def test_the_variables_for_plain_pulumi_can_be_read_by_a_shell(tmp_path: Path) -> None:
    shown = run("env", home=tmp_path).stdout
    done = subprocess.run(
        ["sh", "-c", f'{shown}\necho "$PULUMI_BACKEND_URL"'], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (tmp_path / "state").as_uri()


def test_colours_are_off_when_piped(tmp_path: Path) -> None:
    assert "\x1b" not in run("doctor", home=tmp_path).stdout


def test_the_command_line_is_there_before_pulumi_is(tmp_path: Path) -> None:
    """Its libraries take most of a second, and only the verbs that run a program need them."""
    program = "import sys, groundwork.cli; print(sorted({'pulumi', 'pulumi_kubernetes', 'moto'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
