"""What can go wrong with a resource, and what the engine is told about it."""

from __future__ import annotations

from dataclasses import dataclass

from local.plugin.values import Object


class PluginError(Exception):
    """The operation failed and changed nothing that has to be remembered. The text is for people."""


@dataclass
class PartialError(PluginError):
    """The operation failed halfway: the engine must store `state` under `identifier`, and try again next time."""

    identifier: str
    message: str
    reasons: list[str]
    state: Object
    inputs: Object | None = None

    def __str__(self) -> str:
        return self.message
