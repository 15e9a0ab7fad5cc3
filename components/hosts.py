"""Names of hosts: what a tenant or an environment answers to."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from components.units import refusal

LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
HOST = (
    "labels of lower-case letters, digits and dashes, joined by dots, such as www.example.com; at most 253 characters"
)
_PATTERN = rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})+"


def _host(value: str) -> str:
    if re.fullmatch(_PATTERN, value) is None or value.rpartition(".")[2].isdigit():
        raise refusal(f"{value!r} is not a host's name", HOST)
    return value


Host = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema({"type": "string", "pattern": rf"^{LABEL}(\.{LABEL})+$", "maxLength": 253, "description": HOST}),
]
