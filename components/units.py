"""The small values that manifests and settings are written in: durations, quantities, names, addresses, images.

Each is text in the file and a plain Python value in the program, with one canonical spelling back.
The runtime image carries this file: it imports pydantic only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_HOST = r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_DIGEST = r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}"

DURATION = "a whole number and its unit (ms, s, m, h, d), such as 20ms or 1h; at most 365d"
CPU = "cores (0.5, 2) or thousandths of one (250m), from 1m to 1000"
BYTES = "a whole number of bytes, with Ki, Mi, Gi, Ti, k, M, G or T, such as 256Mi, at most 1024Ti"
NAME = "lower-case letters, digits and dashes; begins with a letter, ends with a letter or digit; at most 50 characters"
IMAGE = "the name of one of the environment's images, or a reference by digest (repository/name@sha256:…)"
ADDRESS = "host:port, such as models.example.com:443"
URL = "http://host[:port]/path or https://…, without user, query or fragment"

Value = TypeVar("Value")


def refusal(what: str, allowed: str, fix: str | None = None) -> PydanticCustomError:
    """An error that `components.documents` prints with what is allowed and the fix."""
    context = {"what": what, "allowed": allowed} | ({"fix": fix} if fix else {})
    return PydanticCustomError("refused", "{what}", context)


def parse_duration(value: object) -> timedelta:
    """`20ms`, `10s`, `5m`, `1h`, `30d` → timedelta. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"([0-9]{1,12})(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if found is None or int(found[1]) * _DURATION_UNITS[found[2]] > 365 * _DURATION_UNITS["d"]:
        raise refusal(f"{value!r} is not a duration", DURATION)
    return timedelta(milliseconds=int(found[1]) * _DURATION_UNITS[found[2]])


def format_duration(value: timedelta) -> str:
    """In the largest unit that is exact; zero is `0s`."""
    total = value // timedelta(milliseconds=1)
    if total == 0:
        return "0s"
    unit = next(unit for unit in reversed(_DURATION_UNITS) if total % _DURATION_UNITS[unit] == 0)
    return f"{total // _DURATION_UNITS[unit]}{unit}"


def parse_cpu(value: object) -> int:
    """`250m`, `0.5`, `2` → thousandths of a core. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(m?)", str(value)) if not isinstance(value, bool) else None
    milli = Decimal(found[1]) * (1 if found[2] else 1000) if found else Decimal(0)
    if milli != int(milli) or not 1 <= milli <= 1_000_000:
        raise refusal(f"{value!r} is not an amount of CPU", CPU)
    return int(milli)


def format_cpu(value: int) -> str:
    """Whole cores where it is exact, thousandths otherwise."""
    return f"{value}m" if value % 1000 else str(value // 1000)


def parse_bytes(value: object) -> int:
    """`256Mi`, `1G`, `1.5Gi`, `1024` → bytes. Raises ValueError."""
    found = (
        re.fullmatch(r"([0-9]{1,16}(?:\.[0-9]{1,3})?)([KMGT]i|[kMGT])?", str(value))
        if not isinstance(value, bool)
        else None
    )
    amount = Decimal(found[1]) * (_BINARY | _DECIMAL).get(found[2] or "", 1) if found else Decimal(0)
    if amount != int(amount) or not 1 <= amount <= 1024 * _BINARY["Ti"]:
        raise refusal(f"{value!r} is not an amount of bytes", BYTES)
    return int(amount)


def format_bytes(value: int) -> str:
    """In the largest binary unit that is exact, or plain bytes."""
    unit = next((unit for unit in reversed(_BINARY) if value % _BINARY[unit] == 0), None)
    return f"{value // _BINARY[unit]}{unit}" if unit else str(value)


class HostPort(NamedTuple):
    """Where traffic may go."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(value: object) -> HostPort:
    """`models.example.com:443` → HostPort. Raises ValueError."""
    if isinstance(value, HostPort):
        return value
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not re.fullmatch(_HOST, host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise refusal(f"{value!r} is not an address", ADDRESS)
    return HostPort(host, int(port))


def address_of(url: str) -> HostPort:
    """The host and port that a checked URL is served at."""
    parts = urlsplit(url)
    return HostPort(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(re.fullmatch(_HOST, parts.hostname or "")) and parts.port != 0
    except ValueError:
        good = False
    # The value is not repeated: an address may carry a password.
    if (
        not good
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not value.isprintable()
        or " " in value
    ):
        raise refusal("is not an address that can be called", URL)
    return value


def is_by_digest(image: str) -> bool:
    """Whether a reference names exactly one image for ever."""
    return re.fullmatch(_DIGEST, image) is not None


def _image(value: str) -> str:
    if re.fullmatch(r"[a-z][-a-z0-9]{0,49}", value) or is_by_digest(value):
        return value
    if "@" not in value and re.search(r":[\w][\w.-]*$", value):
        why = f"{value!r} is by tag, and a tag can point to another image tomorrow"
        raise refusal(why, IMAGE, f"drop the tag ({value.rpartition(':')[0].rpartition('/')[2]}), or give the digest")
    raise refusal(f"{value!r} is not an image", IMAGE)


def _matching(pattern: str, allowed: str, what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise refusal(f"{value!r} is not {what}", allowed)
        return value

    return check


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,12}(ms|s|m|h|d)$", "description": DURATION}),
]
MilliCpu = Annotated[
    int,
    PlainValidator(parse_cpu),
    PlainSerializer(format_cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]{1,3})?m?$", "description": CPU}),
]
Bytes = Annotated[
    int,
    PlainValidator(parse_bytes),
    PlainSerializer(format_bytes),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]{1,3})?([KMGT]i|[kMGT])?$", "description": BYTES}
    ),
]
Address = Annotated[
    HostPort,
    PlainValidator(parse_address),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9.-]+:[0-9]{1,5}$", "description": ADDRESS}),
]
Name = Annotated[
    str,
    AfterValidator(_matching(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?", NAME, "a name")),
    WithJsonSchema({"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$", "description": NAME}),
]
Image = Annotated[str, AfterValidator(_image), WithJsonSchema({"type": "string", "minLength": 1, "description": IMAGE})]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "format": "uri", "description": URL})]
