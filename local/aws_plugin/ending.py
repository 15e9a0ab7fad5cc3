"""How a resource ends: released by what holds it, deleted, and waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from groundwork.waiting import wait_until
from local.aws_plugin.account import CallError
from local.aws_plugin.calls import Caller
from local.aws_plugin.table import Call
from local.plugin.errors import PluginError
from local.plugin.values import Json

if TYPE_CHECKING:
    from local.aws_plugin.resource import Resource

# Seconds to wait until a resource is ready, or gone, unless `customTimeouts` says otherwise.
PATIENCE = 1800.0
# What still hangs on a resource may be on its way out.
_BUSY = ("DependencyViolation", "ResourceInUse", "ResourceInUseException", "DeleteConflict", "InvalidParameterValue")
_BUSY_SECONDS = 60.0


def end(resource: Resource, delete: Call, identifier: str, known: Mapping[str, Json]) -> None:
    """End it by the call `delete`, and wait until it is gone. One that is not there is fine. Raises `PluginError`.

    `known`: what templates may name.
    """
    caller = resource.caller(known, identifier)
    deadline = time.monotonic() + _BUSY_SECONDS

    def ended() -> bool:
        try:
            _release(resource, caller, known)
            caller.run(delete, known)
        except CallError as error:
            if error.error in resource.row.missing:
                return True
            if error.error in _BUSY and time.monotonic() < deadline:
                return False
            raise
        return True

    wait_until(ended, _BUSY_SECONDS)
    if resource.row.ready is not None:
        reader = resource.reader(known, identifier)
        if not wait_until(lambda: reader.state(known) is None, resource.timeout or PATIENCE):
            raise PluginError(f"{resource.token} {identifier} is there still")


def _release(resource: Resource, caller: Caller, known: Mapping[str, Json]) -> None:
    """Of one that a killed run began, there may be nothing to undo: a gateway that is in no network yet."""
    release = resource.row.release
    if release is None or not caller.complete(release, known):
        return
    try:
        caller.run(release, known)
    except CallError as error:
        if error.error not in resource.row.missing:
            raise
