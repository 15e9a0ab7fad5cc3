"""A Pulumi program whose resources do nothing, and its preview where nothing of this project is loaded.

`python tests/bare_program.py COUNT`. The engine, and the plugin of what does nothing, are found in PATH.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pulumi
from pulumi.automation import LocalWorkspaceOptions, ProjectBackend, ProjectSettings, create_or_select_stack

_SIZE = {"name": "nothing", "size": 1, "tags": {"of": "the bench"}}


def bare(count: int) -> Callable[[], None]:
    """A program with `count` resources that do nothing, of a provider that agrees to everything."""

    def program() -> None:
        for index in range(count):
            pulumi.CustomResource("noop:index:Thing", f"thing-{index}", _SIZE)

    return program


def preview(count: int) -> int:
    """Preview the program, of which nothing is up, with a state of its own; how many steps it would take."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ProjectSettings("bare", "python", backend=ProjectBackend(Path(folder).as_uri()))
        environment = {"PULUMI_CONFIG_PASSPHRASE": "of nothing", "PULUMI_SKIP_UPDATE_CHECK": "true"}
        options = LocalWorkspaceOptions(project_settings=settings, env_vars=environment, pulumi_home=folder)
        stack = create_or_select_stack("bare", project_name="bare", program=bare(count), opts=options)
        return sum(stack.preview().change_summary.values())


if __name__ == "__main__":
    asked = int(sys.argv[1])
    assert preview(asked) == asked + 1, "the stack itself is one"
