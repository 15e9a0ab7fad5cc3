"""Where the engine runs: state, passphrase, provider plugin and a copy of the stack's settings.

The engine writes `encryptionsalt` into `Pulumi.<stack>.yaml`. So that `up` never changes a file of the checkout, it
works on a copy of the project files in the user's data folder, which keeps the salt.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from local.engine import channels
from local.engine.recovery import stack_names
from local.paths import CHECKOUT, Paths
from stacks.settings import stack_file

if TYPE_CHECKING:
    from pulumi.automation import LocalWorkspace, PulumiCommand, Stack

OUR_PLUGIN = CHECKOUT / "local" / "kubernetes_plugin" / "bin"
# What starts a policy pack in Python, where the vendor's language host is not installed.
POLICY_HOST = CHECKOUT / "policies" / "bin"
OUR_AWS_PLUGIN = CHECKOUT / "local" / "aws_plugin" / "bin"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine and its folders. `plugin`: the folder of our Kubernetes plugin, None for the vendor's.

    `more`: folders of other plugins.
    """

    pulumi: Path
    paths: Paths
    plugin: Path | None
    tools: Path | None = None
    more: tuple[Path, ...] = ()

    @property
    def backend(self) -> str:
        """Where the engine keeps its state, as a URL. One that the user has set is kept."""
        return os.environ.get("PULUMI_BACKEND_URL") or self.paths.pulumi_state.as_uri()

    def environment(self) -> dict[str, str]:
        """What the engine needs in its environment. A backend or passphrase that the user has set is kept."""
        path = os.environ.get("PATH", os.defpath)
        # Appended, so that whatever the user has installed goes first.
        for folder in (self.tools, self.plugin, *self.more, POLICY_HOST):
            path = path if folder is None else f"{path}{os.pathsep}{folder}"
        found = {
            "PATH": path,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The engine would take the home of /etc/passwd, which need not be the one that this user has.
            "PULUMI_HOME": os.environ.get("PULUMI_HOME") or str(self._home),
            "PULUMI_BACKEND_URL": self.backend,
            # The engine is there for seconds, and collects garbage for a good part of them (docs/performance.md).
            "GOGC": os.environ.get("GOGC") or "400",
        }
        if not (os.environ.get("PULUMI_CONFIG_PASSPHRASE") or os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")):
            found["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self.paths.passphrase)
        return found

    def stack(self, name: str, program: Callable[[], None]) -> Stack:
        """The stack `name`, made if there is none. `program` runs in this process (the engine's inline program)."""
        from pulumi.automation import Stack

        channels.separate()
        self.make_folders()
        return Stack.create_or_select(name, self._workspace(name, program))

    def stacks_on(self, environment: str) -> list[str]:
        """The stacks of an environment's layers and tenants that have a state.

        Raises UserError where the backend does not say.
        """
        names = stack_names(self.backend, _project())
        if names is None:
            names = self._listed(environment)
        return sorted(name for name in names if name.startswith(f"{environment}."))

    def _listed(self, environment: str) -> list[str]:
        from pulumi.automation import CommandError

        self.make_folders()
        try:
            return [stack.name.rpartition("/")[2] for stack in self._workspace(environment).list_stacks()]
        except CommandError as error:
            raise UserError(what=f"pulumi stack ls: {error}", where=self.backend, code=ExitCode.ERROR) from None

    def exported(self, name: str) -> Mapping[str, object]:
        """The stack's state as it stands, secrets encrypted."""
        self.make_folders()
        return self._workspace(name).export_stack(name).deployment or {}

    def repair(self, name: str) -> None:
        """Put the stack's resources in an order in which each comes after what it needs. Raises UserError."""
        from pulumi.automation import CommandError

        self.make_folders()
        workspace = self._workspace(name)
        command = ["state", "repair", "--yes", "--non-interactive", "--color", "never", "--stack", name]
        try:
            self._command.run(command, workspace.work_dir, dict(workspace.env_vars), None)
        except CommandError as error:
            raise UserError(what=f"pulumi state repair: {error}", where=name, code=ExitCode.ERROR) from None

    def forget(self, name: str) -> None:
        """Remove the stack's state and its copy of the settings, whatever the state lists."""
        from pulumi.automation.errors import StackNotFoundError

        self.make_folders()
        workspace = self._workspace(name)
        with suppress(StackNotFoundError):
            workspace.remove_stack(name, force=True)
        stack_file(name, Path(workspace.work_dir)).unlink(missing_ok=True)

    def _workspace(self, name: str, program: Callable[[], None] | None = None) -> LocalWorkspace:
        from pulumi.automation import LocalWorkspace

        return LocalWorkspace(
            work_dir=str(prepare_project(self.paths.data / "project", name)),
            program=program,
            env_vars=self.environment(),
            pulumi_command=self._command,
            secrets_provider="passphrase",
        )

    def make_folders(self) -> None:
        """Make what the engine's environment names; done already, it changes nothing."""
        self.paths.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.paths.pulumi_state.mkdir(exist_ok=True, mode=0o700)
        if not self.paths.passphrase.exists():
            write_atomically(self.paths.passphrase, secrets.token_urlsafe(32), mode=0o600)
        self._make_home()

    @property
    def _home(self) -> Path:
        return self.paths.data / "pulumi"

    def _make_home(self) -> None:
        """The user's own home of the engine, but for its log.

        The engine notes every property of every resource in `logs`, which took two thirds of its time here
        (docs/performance.md) and has no switch: where a file stands in the folder's place, it does without.
        """
        users = Path.home() / ".pulumi"
        (users / "plugins").mkdir(parents=True, exist_ok=True)
        self._home.mkdir(exist_ok=True, mode=0o700)
        for name in ("plugins", "credentials.json"):
            with suppress(FileExistsError):
                (self._home / name).symlink_to(users / name)
        (self._home / "logs").touch()

    @cached_property
    def _command(self) -> PulumiCommand:
        """Made once: it asks the program for its version, which takes as long as a small operation."""
        from pulumi.automation import PulumiCommand

        return PulumiCommand(str(self._command_root()))

    def _command_root(self) -> Path:
        """The Automation API wants a folder with `bin/pulumi` in it."""
        root = self.paths.data / "engine"
        link = root / "bin" / "pulumi"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink() or link.readlink() != self.pulumi:
            link.unlink(missing_ok=True)
            link.symlink_to(self.pulumi)
        return root


def prepare_project(folder: Path, stack: str, checkout: Path = CHECKOUT) -> Path:
    """Copy the project's files to `folder`, keeping the salt that the engine has put in an earlier copy."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(folder / "Pulumi.yaml", (checkout / "Pulumi.yaml").read_text("utf-8"))
    (folder / "stacks").mkdir(exist_ok=True)  # the engine insists that `main` exists; the program itself is inline
    theirs, copy = stack_file(stack, checkout), stack_file(stack, folder)
    text = theirs.read_text("utf-8") if theirs.exists() else ""
    salt = _salt(copy)
    if salt is not None and _salt_of(text) is None:
        text = f"{text.rstrip()}\nencryptionsalt: {salt}\n"
    write_atomically(copy, text)
    return folder


def _project() -> str:
    return _text_at("name", (CHECKOUT / "Pulumi.yaml").read_text("utf-8")) or ""


def _salt(file: Path) -> str | None:
    return _salt_of(file.read_text("utf-8")) if file.exists() else None


def _salt_of(text: str) -> str | None:
    return _text_at("encryptionsalt", text)


def _text_at(key: str, text: str) -> str | None:
    """A text at the top of a YAML document; None where there is none."""
    document: object = yaml.safe_load(text)
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, str) else None
