"""The command line's verbs for this machine: up, preview, down, status, cost, doctor, kubeconfig, env, …"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from groundwork.console import progress
from groundwork.errors import UserError
from local import record
from local.attach import attach, detach, refuse_attached
from local.cost import cost
from local.doctor.command import doctor
from local.drift import drift
from local.images import verbs as images
from local.paths import Paths
from local.rehearsal.verbs import rehearse
from local.status import status
from local.tenants import verbs as tenants
from local.toolchain import verbs as toolchain
from local.toolchain.vendor import vendor_kubernetes_plugin

Environment = Annotated[
    str, typer.Argument(help="The environment, as in Pulumi.<environment>.yaml; or one tenant of it: local.acme.")
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    """Add this folder's verbs to the command line."""
    for verb in (up, preview, changes, drift, down, status, cost, doctor, kubeconfig, env, rehearse, attach, detach):
        app.command()(verb)
    app.add_typer(tenants.app, name="tenant")
    app.add_typer(images.app, name="images")
    app.add_typer(toolchain.app, name="toolchain")


def up(
    environment: Environment = "local",
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Use this cluster of yours (kind, k3d, EKS) in place of a node on this machine.")
    ] = None,
    simulated: Annotated[bool, typer.Option(help="Simulate the node even where a real one could run.")] = False,
    json_: Json = False,
) -> None:
    """Bring an environment up.

    Tools, node and images first, then everything that the Pulumi program asks for.

    Examples:
      groundwork up local
      groundwork up local.acme
      groundwork up local --kubeconfig ~/.kube/config
      groundwork up local --simulated
    """
    from local.answer import as_json, first_answer, show
    from local.up import up as bring_up

    shown = progress()
    outcome = bring_up(environment, Paths.for_user(), shown, kubeconfig=kubeconfig, simulated=simulated)
    answers = first_answer(outcome, Paths.for_user(), shown)
    if json_:
        print(json.dumps(as_json(outcome), indent=2))
    else:
        show(outcome, answers)


def preview(
    environment: Environment = "local",
    json_: Json = False,
    against: Annotated[
        Path | None, typer.Option(help="An earlier graph of an AWS environment, to compare with.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(help="Where an AWS environment's graph is written; <environment>.graph.json if not said."),
    ] = None,
) -> None:
    """Show what `up` would change. Exit code 0 also when something would change.

    For an environment in AWS this needs no account, engine or cluster: it shows what the program asks for.

    Examples:
      groundwork preview local
      groundwork preview prod --against prod.before.json
    """
    from local.answer import as_json
    from local.up import preview as look_ahead
    from stacks.preflight import is_in_aws

    if is_in_aws(environment):
        from stacks.preview import run

        run(environment, against=against, to=graph or Path(f"{environment}.graph.json"), as_json=json_)
        return
    outcome = look_ahead(environment, Paths.for_user(), progress())
    print(json.dumps(as_json(outcome), indent=2) if json_ else outcome.summary)


def changes(
    base: Annotated[str, typer.Option(help="The commit to compare with.")] = "origin/main",
    to: Annotated[Path | None, typer.Option(help="Write it as Markdown into this file, too.")] = None,
) -> None:
    """Show what this checkout changes in each environment in AWS, with no account. Exit code 0 also where it does.

    Examples:
      groundwork changes
      groundwork changes --base HEAD~1 --to changes.md
    """
    from stacks.changes import differences, markdown

    text = markdown(base, differences(base, progress()))
    if to is not None:
        to.write_text(text, "utf-8")
    print(text)


def down(
    layer: Annotated[str | None, typer.Argument(help="A layer alone: local.observability.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Undo `up`.

    The node goes and all that runs on it, its data too. Built programs and images stay in the cache.
    Of a layer alone the data stays, for its next `up`.

    Examples:
      groundwork down --yes
      groundwork down local.observability --yes
    """
    from local.up import down as take_down
    from local.up import down_layer, require_layer_up

    paths = Paths.for_user()
    made = require_layer_up(layer, paths) if layer else record.read(paths)
    refuse_attached(made)
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(what="`down` deletes data and asks first", fix="run: groundwork down --yes")
        # Without a record there may still be a node: another user's, or one whose data folder is gone.
        what = f"{made.way.meaning}, and all data of {made.stack!r}" if made else "the node of this machine, if any"
        typer.confirm(f"Remove {layer or what}?", abort=True)
    if layer:
        down_layer(layer, paths, progress())
    else:
        take_down(paths, progress())


def kubeconfig() -> None:
    """Print the path of the kubeconfig.

    Example:
      export KUBECONFIG=$(groundwork kubeconfig)
    """
    print(record.require(Paths.for_user()).kubeconfig)


def env() -> None:
    """Print variables for plain `pulumi`.

    With them, `pulumi` and `kubectl` work on what `up` made. Where the vendor's language host is installed, so do
    `pulumi preview` and `pulumi up`.

    Example:
      eval "$(groundwork env)"; pulumi stack -s local
    """
    from local.engine.workspace import OUR_PLUGIN, Engine

    paths = Paths.for_user()
    plugin = None if vendor_kubernetes_plugin() is not None else OUR_PLUGIN
    tools = paths.toolchain / "bin"
    variables = Engine(pulumi=tools / "pulumi", paths=paths, plugin=plugin, tools=tools).environment()
    made = record.read(paths)
    if made is not None:
        variables |= {"KUBECONFIG": str(made.kubeconfig), "GROUNDWORK_KUBECONFIG": str(made.kubeconfig)}
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
