"""The engine gets no debug messages of the SDK's, and all else."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field

import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import Settings, configure, get_engine

from local.engine.quiet import without_debug


@dataclass
class _Engine:
    messages: list[str] = field(default_factory=list)

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:  # noqa: N802 – gRPC's name
        self.messages.append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, _request: engine_pb2.GetRootResourceRequest) -> engine_pb2.GetRootResourceResponse:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn="root")


def _in_a_program(engine: _Engine, *, quiet: bool) -> None:
    configure(Settings(project="p", stack="s", engine=engine))
    if quiet:
        without_debug()
        without_debug()  # twice changes nothing
    pulumi.log.debug("a")
    pulumi.log.info("b")
    pulumi.log.warn("c")
    pulumi.log.error("d")
    asked = get_engine()
    assert asked is not None
    assert asked.GetRootResource(engine_pb2.GetRootResourceRequest()).urn == "root"


def test_debug_messages_stay_here_and_all_others_are_sent() -> None:
    engine = _Engine()
    contextvars.copy_context().run(_in_a_program, engine, quiet=True)
    assert engine.messages == ["b", "c", "d"]


def test_the_sdk_sends_debug_messages_unless_it_is_kept_from_it() -> None:
    """Where this fails, the SDK has changed, and `local/engine/quiet.py` may be needless."""
    engine = _Engine()
    contextvars.copy_context().run(_in_a_program, engine, quiet=False)
    assert engine.messages == ["a", "b", "c", "d"]


def test_only_the_program_that_runs_is_quiet() -> None:
    first, second = _Engine(), _Engine()
    contextvars.copy_context().run(_in_a_program, first, quiet=True)
    contextvars.copy_context().run(_in_a_program, second, quiet=False)
    assert "a" in second.messages
    assert get_engine() not in (first, second)


def test_without_an_engine_there_is_nothing_to_do() -> None:
    def program() -> None:
        configure(Settings(project="p", stack="s"))
        without_debug()
        assert get_engine() is None

    contextvars.copy_context().run(program)
