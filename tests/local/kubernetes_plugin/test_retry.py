from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from local.kubernetes_plugin.cluster import Cluster
from local.kubernetes_plugin.errors import ApiError, NoMatchError
from local.kubernetes_plugin.objects import GVK
from local.kubernetes_plugin.settings import Settings
from local.kubernetes_plugin.writing import Writer
from local.plugin.errors import PluginError
from local.plugin.values import Object
from tests.local.kubernetes_plugin.samples import Heard

OBJ: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "nowhere"}}
MISSING = ApiError(404, "NotFound", 'namespaces "nowhere" not found', {"kind": "namespaces"})


@dataclass
class Server:
    """An API server that answers with these errors first."""

    errors: list[PluginError]
    calls: list[str] = field(default_factory=list)

    def announced(self, _gvk: GVK) -> bool:
        return False

    def create(self, obj: Object, manager: str, *, dry_run: bool) -> Object:
        self.calls.append(f"{manager}{' dry' if dry_run else ''}")
        if self.errors:
            raise self.errors.pop(0)
        return obj


def _writer(server: Server, pauses: list[float], cancel_after: int = 99) -> tuple[Writer, Heard]:
    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) >= cancel_after

    heard = Heard()
    return Writer(cast("Cluster", server), Settings(), heard, "m", patch=False, pause=pause), heard


def test_what_is_on_its_way_is_waited_for() -> None:
    pauses: list[float] = []
    server = Server([MISSING, NoMatchError("Gadget", "x/v1")])
    writer, heard = _writer(server, pauses)
    assert writer.create(OBJ) == OBJ
    assert pauses == [2, 4]
    assert heard.texts[0] == 'Retry #0; creation failed: namespaces "nowhere" not found'
    assert server.calls == ["pulumi-kubernetes"] * 3


def test_after_a_minute_it_is_given_up() -> None:
    pauses: list[float] = []
    writer, heard = _writer(Server([MISSING] * 9), pauses)
    with pytest.raises(ApiError, match="not found"):
        writer.create(OBJ)
    assert sum(pauses) == 62
    assert len(heard.texts) == 6


@pytest.mark.parametrize(
    "error",
    [
        ApiError(409, "AlreadyExists", 'configmaps "c" already exists'),
        ApiError(422, "Invalid", "is invalid"),
        NoMatchError("HorizontalPodAutoscaler", "autoscaling/v2beta2"),
    ],
)
def test_what_will_not_change_is_not_tried_again(error: PluginError) -> None:
    pauses: list[float] = []
    writer, heard = _writer(Server([error]), pauses)
    with pytest.raises(type(error)):
        writer.create(OBJ)
    assert pauses == []
    assert len(heard.texts) == 1


def test_a_preview_in_a_namespace_that_is_not_there_yet_says_nothing() -> None:
    writer, heard = _writer(Server([MISSING]), [])
    with pytest.raises(ApiError):
        writer.create(OBJ, dry_run=True)
    assert heard.texts == []


def test_cancelling_ends_the_wait() -> None:
    pauses: list[float] = []
    writer, _ = _writer(Server([MISSING] * 9), pauses, cancel_after=2)
    with pytest.raises(PluginError, match="cancelled"):
        writer.create(OBJ)
    assert len(pauses) == 2
