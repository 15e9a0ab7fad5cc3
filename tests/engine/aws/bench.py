"""An engine, an emulated account and small programs: what the suite of the AWS plugin runs on.

GROUNDWORK_AWS_PLUGIN names the plugin under test, this project's own where it is not set: the vendor's is held to the
same tests.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulumi.automation import Stack

from local import toolchain
from local.aws_plugin.journal import VARIABLE
from local.engine.workspace import OUR_AWS_PLUGIN, Engine
from local.paths import Paths
from local.plugin.values import Json
from local.rehearsal.account import EmulatedAccount, emulated, variables
from tests.local.node.quiet import Quiet

ACCOUNT, REGION = "111122223333", "eu-west-1"
STACK = "dev"


@dataclass(frozen=True)
class Bench:
    """`folder`: of this engine alone."""

    folder: Path
    engine: Engine
    account: EmulatedAccount

    def stack(self, program: Callable[[], None], name: str = STACK) -> Stack:
        """The stack, with another program."""
        return self.engine.stack(name, program)

    def call(self, api: str, operation: str, **parameters: object) -> Json:
        """An operation of the account."""
        return self.account.account().call(api, operation, parameters)


def plugin() -> Path:
    """The folder of the plugin under test."""
    named = os.environ.get("GROUNDWORK_AWS_PLUGIN")
    return Path(named).resolve().parent if named else OUR_AWS_PLUGIN


@contextmanager
def bench() -> Iterator[Bench]:
    """All of it, for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    program = toolchain.ensure(["pulumi"], progress=Quiet()).path("pulumi")
    try:
        with emulated(ACCOUNT, REGION, folder / "account.log") as account:
            given = {**account.variables, VARIABLE: str(folder / "journal"), "GROUNDWORK_PYTHON": sys.executable}
            with variables(given):
                engine = Engine(pulumi=program, paths=Paths(cache=folder, data=folder), plugin=None, more=(plugin(),))
                yield Bench(folder, engine, account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
