"""The command line's verbs for agents: validate, schema, list, new."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from components.agents.manifest import AgentManifest, ManifestError, json_schema, load_manifest
from components.documents import DocumentError, Problem
from components.problems import as_user_error
from components.units import NAME, Name
from groundwork.errors import UserError
from groundwork.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"
TENANTS = Path("tenants")
Folder = Annotated[Path, typer.Argument(help="Tenants' folders, or a folder of manifests.")]


class Template(StrEnum):
    """What a new agent begins as."""

    ECHO = "echo"
    OPENAI = "openai"


def register(app: typer.Typer) -> None:
    """Add `agent …` to the command line."""
    agent = typer.Typer(help="Agents' manifests: check them, list them, begin one.", no_args_is_help=True)
    agent.command()(validate)
    agent.command()(schema)
    agent.command("list")(list_)
    agent.command()(new)
    app.add_typer(agent, name="agent")


def validate(files: Annotated[list[Path], typer.Argument(help="Agent manifests.")]) -> None:
    """Check manifests; every problem of every file is shown.

    Example:
      groundwork agent validate tenants/*/agents/*.yaml
    """
    problems: list[Problem] = []
    for file in files:
        try:
            manifest = load_manifest(file)
        except ManifestError as error:
            problems += error.problems
        else:
            print(f"{file}: agent {manifest.name}, tier {manifest.spec.tier}")
    if problems:
        raise as_user_error(DocumentError(problems))


def schema() -> None:
    """Print the JSON Schema of the manifest, for editors.

    Example:
      groundwork agent schema > agent-manifest.schema.json
    """
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def list_(
    folder: Folder = TENANTS, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    """List the agents that manifests declare: a folder's own, and those of the tenants in it.

    Example:
      groundwork agent list
    """
    if not folder.is_dir():
        raise UserError(what="there is no such folder", where=str(folder), fix="name the folder that has the manifests")
    try:
        rows = [_row(file, load_manifest(file)) for file in _manifests(folder)]
    except ManifestError as error:
        raise as_user_error(error) from None
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ["no agents"]), box=None)
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


def new(
    name: Annotated[str, typer.Argument(help=f"The agent's name: {NAME}.")],
    tenant: Annotated[str, typer.Option(help="Whose agent it is: the folder's name in tenants/.")],
    template: Annotated[Template, typer.Option(help="What it begins as.")] = Template.ECHO,
    folder: Annotated[Path, typer.Option(help="Where the tenants' folders are.")] = TENANTS,
) -> None:
    """Write the manifest of a new agent. A file that is there is never overwritten.

    Example:
      groundwork agent new greeter --tenant acme --template openai
    """
    try:
        TypeAdapter[str](Name).validate_python(name)
    except ValidationError:
        raise UserError(what=f"{name!r} is not a name", allowed=NAME) from None
    if not (folder / tenant / "tenant.yaml").is_file():
        raise UserError(
            what=f"there is no tenant {tenant!r}",
            where=str(folder / tenant / "tenant.yaml"),
            fix=f"groundwork tenant add {tenant}",
        )
    file = folder / tenant / "agents" / f"{name}.yaml"
    if file.exists():
        raise UserError(what="is there already", where=str(file), fix="choose another name, or change that file")
    write_atomically(file, (TEMPLATES / f"{template}.yaml").read_text("utf-8").replace("NAME", name))
    print(f"{file}: change it as you like, then run: groundwork up <environment>.{tenant}")


def _manifests(folder: Path) -> list[Path]:
    own = [file for file in folder.glob("*.yaml") if file.name != "tenant.yaml"]
    return sorted([*own, *folder.glob("agents/*.yaml"), *folder.glob("*/agents/*.yaml")])


def _row(file: Path, manifest: AgentManifest) -> dict[str, str]:
    spec = manifest.spec
    return {
        "agent": manifest.name,
        "tier": spec.tier,
        "model": f"{spec.model.provider}/{spec.model.name}",
        "image": spec.image,
        "replicas": f"{spec.scaling.min}-{spec.scaling.max}",
        "file": str(file),
    }
