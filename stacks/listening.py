"""Runs a program of resources against a monitor that only listens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT, get_root_resource
from pulumi.runtime.stack import Stack

from groundwork.errors import UserError
from groundwork.garbage import look_rarely
from stacks.aws_images import SIMULATED, VARIABLE
from stacks.graph import Node, ResourceGraph

PROJECT, ORGANIZATION = "groundwork", "organization"
STACK_TYPE = "pulumi:pulumi:Stack"
Register = Callable[[resource_pb2.RegisterResourceRequest], resource_pb2.RegisterResourceResponse]
Outputs = Mapping[str, Mapping[str, object]]


class _Answers(mocks.Mocks):
    """Resources are what was asked for; nothing is computed, so that what a provider would add stays unknown."""

    def __init__(self, outputs: Outputs) -> None:
        super().__init__()
        self._outputs = outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, object], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token}: components call no provider function")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        if args.typ == "pulumi:pulumi:StackReference":
            environment = args.name.rpartition("/")[2]
            return args.name, {"name": args.name, "outputs": dict(self._outputs.get(environment, {}))}
        return "", dict(args.inputs)


class _Monitor(mocks.MockMonitor):
    def __init__(self, graph: ResourceGraph, answers: _Answers) -> None:
        super().__init__(answers)
        self._graph = graph

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: all the parents' types, without the stack's."""
        above = parent.split("::")[2] if parent else STACK_TYPE
        kinds = type_ if above == STACK_TYPE else f"{above}${type_}"
        return f"urn:pulumi:{self._graph.stack}::{PROJECT}::{kinds}::{name}"

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:  # noqa: N802 – gRPC's name
        answer = cast("Register", super().RegisterResource)(request)
        if request.type != STACK_TYPE:
            inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
            self._graph.nodes.append(
                Node(
                    urn=answer.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    custom=request.custom,
                    inputs=_plain(inputs),
                    unknown=frozenset(_unknown(inputs)),
                    dependencies=frozenset(request.dependencies),
                    aliases=frozenset(alias.urn for alias in request.aliases if alias.urn),
                    protect=request.protect,
                )
            )
        return answer


def listen(
    program: Callable[[], object],
    stack: str,
    *,
    config: Mapping[str, str] | None = None,
    outputs: Outputs | None = None,
) -> ResourceGraph:
    """What the program asks for. `config`: what the engine would hand over; `outputs`: of the stacks that it refers to.

    Raises UserError as the program does.
    """
    look_rarely()
    graph, answers = ResourceGraph(stack=stack), _Answers(outputs or {})
    failures: list[UserError] = []

    def run() -> None:
        try:
            program()
        except UserError as error:
            failures.append(error)

    with _environment():
        asyncio.set_event_loop(asyncio.new_event_loop())
        ROOT.set(None)
        monitor = _Monitor(graph, answers)
        mocks.set_mocks(answers, project=PROJECT, stack=stack, preview=True, monitor=monitor, organization=ORGANIZATION)
        pulumi.runtime.set_all_config(dict(config or {}), [])
        whole: Callable[[Callable[[], None]], Callable[[], None]] = pulumi.runtime.test
        whole(run)()
    if failures:
        raise failures[0]
    root = get_root_resource()
    if isinstance(root, Stack):
        graph.outputs = _plain(root.outputs)
    return graph


@contextmanager
def _environment() -> Iterator[None]:
    """Images are simulated, and no cluster of another environment is looked at."""
    kept = dict(os.environ)
    os.environ[VARIABLE] = SIMULATED
    os.environ.pop("GROUNDWORK_KUBECONFIG", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {key: _value(value) for key, value in values.items()}


def _unknown(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of what only a provider knows."""
    if isinstance(value, Unknown):
        yield path
    elif isinstance(value, Mapping) and rpc._special_sig_key not in value:
        for key, item in value.items():
            yield from _unknown(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _unknown(item, (*path, number))


def _value(value: object) -> object:
    """As JSON has it; what only a provider knows is None, and a secret says so."""
    if isinstance(value, Mapping):
        if rpc._special_sig_key in value:
            return "[secret]"
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the protocol has one kind of number
    return value if isinstance(value, (str, int, float, bool)) else None
