"""Runs a program against Pulumi's mocks and records what it registered, with parents and dependencies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT, get_root_resource
from pulumi.runtime.stack import Stack

Inputs = Mapping[str, "Value"]
Value = object
Register = Callable[[resource_pb2.RegisterResourceRequest], resource_pb2.RegisterResourceResponse]


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the program asked for it. `type` is qualified by its parents' types, as in the URN."""

    urn: str
    type: str
    name: str
    inputs: Inputs
    parent: str
    depends_on: frozenset[str]

    def at(self, *path: str | int) -> Value:
        """The value at a path of its inputs; None where there is none."""
        return at(self.inputs, *path)


def at(value: Value, *path: str | int) -> Value:
    """The value at a path of mappings and lists; None where the path ends before."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


@dataclass
class Graph:
    """All that a program registered, in order, and the stack's outputs."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)

    def of(self, kind: str) -> list[Registered]:
        """The resources whose type ends with `:kind`."""
        return [resource for resource in self.resources if resource.type.endswith(f":{kind}")]

    def one(self, kind: str, name: str | None = None) -> Registered:
        """The only resource of a kind (and a name)."""
        (found,) = [resource for resource in self.of(kind) if name in {None, resource.name}]
        return found


class _Echo(mocks.Mocks):
    def __init__(self, references: Mapping[str, Inputs] | None = None) -> None:
        super().__init__()
        self._references = references or {}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Value], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token}: components call no provider function")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Value]]:
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {"name": args.name, "outputs": dict(self._references[args.name])}
        return f"{args.name}-id", dict(args.inputs)


class _Recorder(mocks.MockMonitor):
    def __init__(self, graph: Graph, echo: _Echo) -> None:
        super().__init__(echo)
        self._graph = graph

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: all the parents' types, without the stack's."""
        above = parent.split("::")[2] if parent else "pulumi:pulumi:Stack"
        kinds = type_ if above == "pulumi:pulumi:Stack" else f"{above}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kinds}::{name}"

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:  # noqa: N802 – gRPC's name
        answer = cast("Register", super().RegisterResource)(request)
        if request.type != "pulumi:pulumi:Stack":
            self._graph.resources.append(
                Registered(
                    urn=answer.urn,
                    type=request.type,
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    parent=request.parent,
                    depends_on=frozenset(request.dependencies),
                )
            )
        return answer


def record(
    program: Callable[[], object],
    *,
    stack: str = "local",
    config: Mapping[str, str] | None = None,
    references: Mapping[str, Inputs] | None = None,
) -> Graph:
    """Run `program` as the stack's. `config`: what the engine would hand over; `references`: other stacks' outputs."""
    graph, echo = Graph(), _Echo(references)
    asyncio.set_event_loop(asyncio.new_event_loop())  # an earlier test may have closed this thread's
    ROOT.set(None)
    mocks.set_mocks(
        echo,
        project="groundwork",
        stack=stack,
        preview=False,
        monitor=_Recorder(graph, echo),
        organization="organization",
    )
    pulumi.runtime.set_all_config(dict(config or {}), [])

    def run() -> None:
        program()

    tested: Callable[[Callable[[], None]], Callable[[], None]] = pulumi.runtime.test
    tested(run)()
    root = get_root_resource()
    assert isinstance(root, Stack)
    graph.outputs = dict(root.outputs)
    return graph
