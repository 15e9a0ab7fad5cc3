"""What can go wrong with an object."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.plugin.errors import PluginError
from local.plugin.values import Object


@dataclass
class ApiError(PluginError):
    """The API server refused a request. `message` is its own; `reason` as in the Kubernetes API (`NotFound`, …)."""

    code: int
    reason: str
    message: str
    details: Object = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    @property
    def namespace_missing(self) -> bool:
        """Whether the namespace that the object goes in does not exist."""
        return self.code == 404 and self.details.get("kind") == "namespaces"


@dataclass
class NoMatchError(PluginError):
    """The API server does not know this kind (for a custom resource: its definition is not there)."""

    kind: str
    api_version: str

    def __str__(self) -> str:
        return f'no matches for kind "{self.kind}" in version "{self.api_version}"'


@dataclass
class UnreachableError(PluginError):
    """No answer from the API server."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass
class NotReadyError(PluginError):
    """The object exists but did not become ready. `problems` are further reasons, the most telling ones last."""

    message: str
    obj: Object
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.message
