"""What comes from the API server, as the types that are used here."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter, ValidationError

from components.platform.specs import Domain

OBJECT = TypeAdapter(dict[str, JsonValue])
log = logging.getLogger("domains")


def parse(found: Mapping[str, JsonValue]) -> Domain | None:
    """The object as a Domain; None, and a line in the log, where it is none."""
    try:
        return Domain.model_validate(found)
    except ValidationError as error:
        log.warning("a Domain cannot be read: %s", error.errors(include_input=False)[0]["msg"])
        return None


def texts(value: object) -> dict[str, str]:
    """The data of a ConfigMap or a Secret; nothing where there is none."""
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, Mapping) else {}
