"""Preview of an environment in AWS: a table for people, the graph for machines, no account.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_atomically
from local.paths import CHECKOUT
from stacks.graph import ResourceGraph, graph_of

VERSION = 1
Document = Mapping[str, object]


class Change(StrEnum):
    """What would be done to a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource, and what of it differs: the keys of its inputs."""

    change: Change
    urn: str
    keys: tuple[str, ...] = ()


def run(stack: str, *, against: Path | None, to: Path, as_json: bool, folder: Path = CHECKOUT) -> None:
    """Write the graph to `to`, and print what differs from the one in `against`. Raises UserError."""
    graph = graph_of(stack, folder)
    steps = list(compare(read(against) if against else {}, graph))
    text = json.dumps(document(graph), indent=2, sort_keys=True) + "\n"
    write_atomically(to, text)
    if as_json:
        print(json.dumps({"stack": stack, "graph": str(to), "steps": [_step(step) for step in steps]}, indent=2))
        return
    show(graph, steps, to)


def document(graph: ResourceGraph) -> Document:
    """The graph as JSON: what policies, costs and reviews can read. An unknown value is null."""
    return {
        "version": VERSION,
        "stack": graph.stack,
        "resources": [
            {
                "urn": node.urn,
                "type": node.type,
                "name": node.name,
                "parent": node.parent or None,
                "custom": node.custom,
                "inputs": node.inputs,
                "dependencies": sorted(node.dependencies),
                "aliases": sorted(node.aliases),
                "protect": node.protect,
            }
            for node in graph.nodes
        ],
        "outputs": graph.outputs,
    }


def compare(before: Mapping[str, Mapping[str, object]], graph: ResourceGraph) -> Iterator[Step]:
    """Each resource of either, by URN or alias. `before`: URN → inputs."""
    seen: set[str] = set()
    for node in graph.nodes:
        urn = next((urn for urn in (node.urn, *sorted(node.aliases)) if urn in before), None)
        if urn is None:
            yield Step(change=Change.CREATE, urn=node.urn)
            continue
        seen.add(urn)
        keys = tuple(_differing(before[urn], node.inputs))
        yield Step(change=Change.UPDATE if keys else Change.SAME, urn=node.urn, keys=keys)
    for urn in before:
        if urn not in seen:
            yield Step(change=Change.DELETE, urn=urn)


def show(graph: ResourceGraph, steps: list[Step], to: Path) -> None:
    """A row for each part of the environment, then each change where something was there before."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("part", "resources", "of which", box=None, title=graph.stack, title_justify="left")
    table.columns[1].justify = "right"
    for part, kinds in _parts(graph).items():
        most = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        table.add_row(part, str(kinds.total()), most + (", …" if len(kinds) > 4 else ""))
    console.print(table)
    told = Counter(step.change for step in steps)
    if told.keys() - {Change.CREATE}:
        for step in steps:
            if step.change is not Change.SAME:
                where = "::".join(step.urn.split("::")[2:])
                console.print(f"{step.change:7} {where} {', '.join(step.keys)}", markup=False, soft_wrap=True)
    counted = ", ".join(f"{told[change]} {change}" for change in Change if told[change])
    console.print(f"{len(graph.nodes)} resources: {counted}. Their graph: {to}", markup=False, soft_wrap=True)
    console.print(
        "Asked of no account: values that AWS computes are unknown, and a chart is one row.",
        markup=False,
        soft_wrap=True,
    )


def _parts(graph: ResourceGraph) -> dict[str, Counter[str]]:
    """The stack's own components, in order, each with the kinds of resources in it."""
    top: dict[str, str] = {}
    parts: dict[str, Counter[str]] = {}
    for node in graph.nodes:
        top[node.urn] = top.get(node.parent, node.name)
        if node.custom:
            parts.setdefault(top[node.urn], Counter())[node.type.rpartition(":")[2]] += 1
    return parts


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield key


def read(file: Path) -> Mapping[str, Mapping[str, object]]:
    """URN → inputs, of a graph that was written. Raises UserError."""
    try:
        data: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(what=f"is no graph: {error}", where=str(file), fix="groundwork preview <environment>") from None
    resources = data.get("resources") if isinstance(data, dict) and data.get("version") == VERSION else None
    if not isinstance(resources, list):
        raise UserError(what="is no graph", where=str(file), fix="groundwork preview <environment>")
    return {str(each["urn"]): dict(each["inputs"]) for each in resources if isinstance(each, dict)}


def _step(step: Step) -> dict[str, object]:
    return {"change": str(step.change), "urn": step.urn, "keys": list(step.keys)}
