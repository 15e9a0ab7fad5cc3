"""What a stack would declare, found with no engine, provider, cluster or account.  (docs/aws.md)

The program runs against a monitor that only listens: it knows the resources, their inputs, parents and dependencies,
and nothing that a provider would compute. Objects that a chart makes are the provider's to find: a chart is one row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.paths import CHECKOUT
from stacks.settings import PREFIX, decoded_file, stack_file


@dataclass(frozen=True, kw_only=True)
class Node:
    """One resource as the program asks for it. `dependencies`, `parent`: URNs. `inputs`: unknown values are None.

    `unknown`: the paths of these, as None also stands where a program says so.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, object]
    unknown: frozenset[tuple[str | int, ...]] = frozenset()
    dependencies: frozenset[str]
    aliases: frozenset[str]
    protect: bool


@dataclass
class ResourceGraph:
    """All that a program asks for, in order, and the stack's outputs by name."""

    stack: str
    nodes: list[Node] = field(default_factory=list)
    outputs: Mapping[str, object] = field(default_factory=dict)

    def of(self, kind: str) -> list[Node]:
        """The resources whose type ends with `:kind`."""
        return [node for node in self.nodes if node.type.endswith(f":{kind}")]

    def needs(self, urn: str) -> frozenset[str]:
        """All that must be there before `urn`, and goes only after it: its parent, what it depends on, and theirs.

        As the engine has it: what depends on a component depends on all that is in it, and a part of a component waits
        for what the component waits for.
        """
        by_urn = {node.urn: node for node in self.nodes}
        children: dict[str, list[str]] = {}
        for node in self.nodes:
            children.setdefault(node.parent, []).append(node.urn)
        found: set[str] = set()
        parents: set[str] = set()
        waiting = [urn]
        while waiting:
            name = waiting.pop()
            node = by_urn[name]
            found.add(name)
            if node.parent in by_urn and node.parent not in found:
                parents.add(node.parent)
                waiting.append(node.parent)
            inside = children.get(name, []) if not node.custom and name not in parents and name != urn else []
            waiting += [other for other in (*node.dependencies, *inside) if other in by_urn and other not in found]
        return frozenset(found - {urn})


def graph_of(stack: str, folder: Path = CHECKOUT) -> ResourceGraph:
    """Run the program of an environment's or a tenant's stack, and listen. Raises UserError for what is wrong."""
    return graphs_of([stack], folder)[stack]


def graphs_of(stacks: Sequence[str], folder: Path = CHECKOUT) -> dict[str, ResourceGraph]:
    """As `graph_of`, of several; each program is run once, an environment's for all that stand on it."""
    from stacks.dispatch import declare
    from stacks.listening import listen

    heard: dict[str, ResourceGraph] = {}

    def hear(stack: str) -> ResourceGraph:
        if stack not in heard:
            environment, _, part = stack.partition(".")
            # A tenant's stack reads what the environment's has made: here, what that asks for.
            made = hear(environment).outputs if part else {}
            outputs = {environment: {key: _named(value, key) for key, value in made.items()}}
            config = engine_config(stack, folder)
            heard[stack] = listen(lambda: declare(stack, folder), stack, config=config, outputs=outputs)
        return heard[stack]

    return {stack: hear(stack) for stack in stacks}


def engine_config(stack: str, folder: Path) -> dict[str, str]:
    """Our part of a stack's configuration as the engine hands it over: anything but text as JSON. Raises UserError."""
    values = decoded_file(stack_file(stack, folder))
    return {f"{PREFIX}{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def _named(value: object, path: str) -> object:
    """An output of another stack, with its name in the place of what only a provider knows."""
    if isinstance(value, Mapping):
        return {key: _named(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, f"{path}.{index}") for index, item in enumerate(value)]
    return f"<{path}>" if value is None else value
