"""The `groundwork` command line. Thin: each folder offers its own verbs."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from components.agents import verbs as agent_verbs
from components.domains import verbs as domain_verbs
from components.gateway import key_verbs
from groundwork.errors import ExitCode, UserError
from loadtests import resilience_verbs
from loadtests import verbs as load_verbs
from local import verbs as local_verbs
from local.authority import verbs as mesh_verbs
from local.secrets import verbs as vault_verbs
from policies import verbs as policy_verbs
from promotion import verbs as promotion_verbs

INTERRUPTED = 130

app = typer.Typer(
    name="groundwork",
    help="An agent platform as code: one machine, one command, a real Kubernetes with agents on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
local_verbs.register(app)
agent_verbs.register(app)
promotion_verbs.register(app)
app.add_typer(key_verbs.app, name="key")
app.add_typer(domain_verbs.app, name="domain")
app.add_typer(mesh_verbs.app, name="mesh")
app.add_typer(policy_verbs.app, name="policy")
app.add_typer(load_verbs.app, name="load")
app.add_typer(resilience_verbs.app, name="resilience")
app.add_typer(vault_verbs.app, name="vault")


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM. Not KeyboardInterrupt, which Typer takes for itself."""


def main() -> None:
    """Run the command line; an error that the user can mend is printed without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except Interrupted:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(ExitCode.PASS)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted
