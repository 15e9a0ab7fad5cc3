"""Secrets as people write them."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from components.secrets.names import KV, tenant_path
from components.units import Duration
from groundwork.errors import UserError
from local.secrets.api import Api, data

_Fields = TypeAdapter(dict[str, str])
_Time = TypeAdapter(Duration)
FIELD = "value"
BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """`every`: when a value is replaced; `grace`: how long the one before stands beside it, as `previous`."""

    every: timedelta
    grace: timedelta

    @classmethod
    def of(cls, every: str, grace: str) -> Rotation:
        """From durations as people write them. Raises UserError."""
        try:
            found = cls(every=_Time.validate_python(every), grace=_Time.validate_python(grace))
        except ValidationError:
            raise UserError(what=f"{every!r} or {grace!r} is no time", allowed="such as 30d, 12h, 10m") from None
        if not timedelta(0) < found.grace < found.every:
            raise UserError(
                what="the grace is not shorter than the time between rotations", allowed=f"less than {every}"
            )
        return found

    @property
    def metadata(self) -> dict[str, str]:
        """As it stands beside the secret, in seconds."""
        return {
            "rotate_seconds": f"{self.every.total_seconds():.0f}",
            "grace_seconds": f"{self.grace.total_seconds():.0f}",
        }


def put(asking: Api, tenant: str, name: str, text: str, rotation: Rotation | None) -> int:
    """Write a new version; gives its number. `text`: a JSON object of texts. Raises UserError, without the text."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*", name) is None:
        raise UserError(what=f"{name!r} is not a secret's name", allowed="words of a-z, 0-9 and -, joined by slashes")
    fields = _fields(text, made=rotation is not None)
    path = tenant_path(tenant, name)
    if rotation is not None:
        asking.write(f"{KV}/metadata/{path}", {"custom_metadata": {**rotation.metadata}})
    written = data(asking.write(f"{KV}/data/{path}", {"data": {**fields}}))
    return int(str(written["version"]))


def _fields(text: str, *, made: bool) -> dict[str, str]:
    if not text.strip() and made:
        return {FIELD: secrets.token_urlsafe(BYTES)}
    try:
        fields = _Fields.validate_python(json.loads(text))
    except ValueError:  # pydantic's errors are of this kind too, and would show the text
        fields = {}
    if not fields:
        raise UserError(what="standard input is not a secret", allowed='a JSON object of texts, such as {"value": "…"}')
    return fields
