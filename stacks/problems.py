"""Mistakes in settings, for validators that may find several."""

from __future__ import annotations

from pydantic_core import InitErrorDetails, PydanticCustomError


def detail(path: tuple[int | str, ...], what: str, allowed: str) -> InitErrorDetails:
    """A mistake at a place of the settings, for a validator that may find several."""
    context = {"what": what, "allowed": allowed}
    return InitErrorDetails(type=PydanticCustomError("refused", "{what}", context), loc=path, input=None)
