"""What Envoy asks, reduced to what a decision needs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from components.platform.keys import PREFIX, Key

# Set by the gateway only. Underscores too: some servers take x_tenant_id for x-tenant-id.
_OURS = re.compile(r"x[-_](tenant|agent|principal)([-_].*)?")
# The agent has no need of the caller's credentials.
_CREDENTIALS = ("authorization", "x-api-key")
_AGENT = re.compile(r"/agents/([a-z](?:[-a-z0-9]{0,48}[a-z0-9])?)(?:/|$)")
# Dots, slashes and backslashes, plain or encoded, that another server may resolve to another path.
_UNCLEAN = re.compile(r"//|\\|%2f|%5c|%2e|%00|/\.{1,2}(/|$)|[\x00-\x20\x7f]", re.IGNORECASE)
_MAX_CREDENTIAL = 16_384


class Kind(StrEnum):
    """What the caller shows."""

    NONE = "none"
    KEY = "key"
    TOKEN = "token"  # noqa: S105 – the word, not one
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What the caller shows. `digest` stands for it where it must not be kept: SHA-256 of all that was sent."""

    kind: Kind
    digest: bytes
    key: Key | None = None
    token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. `host` and `sni` in lower case and without port; `path` without its query; `agent`: "" for none.

    `forged`: headers of the caller's that the agent must not see.
    """

    host: str
    sni: str
    method: str
    path: str
    agent: str
    clean: bool
    credential: Credential
    request_id: str
    source: str
    forged: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as Envoy tells of it. Names of headers are in lower case."""

    host: str
    sni: str
    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    request_id: str = ""
    source: str = ""


def asked(seen: Seen) -> Asked:
    """The request, in one form where there are several of the same."""
    plain = seen.path.partition("?")[0].partition("#")[0]
    found = _AGENT.match(plain)
    return Asked(
        host=host_of(seen.host),
        sni=seen.sni.lower().removesuffix("."),
        method=seen.method,
        path=plain,
        agent=found[1] if found else "",
        clean=plain.startswith("/") and _UNCLEAN.search(plain) is None,
        credential=credential(seen.headers),
        request_id=seen.headers.get("x-request-id") or seen.request_id,
        source=seen.source,
        forged=tuple(name for name in seen.headers if name in _CREDENTIALS or _OURS.fullmatch(name)),
    )


def host_of(authority: str) -> str:
    """The host of `Host` or `:authority`: lower case, no port, no dot at its end."""
    return re.sub(r":[0-9]*$", "", authority).lower().removesuffix(".")


def credential(headers: Mapping[str, str]) -> Credential:
    """The one credential that the headers carry. Two, or one that is in no known form, count as OTHER."""
    authorization, api_key = headers.get("authorization"), headers.get("x-api-key")
    digest = hashlib.sha256(repr((authorization, api_key)).encode()).digest()
    if authorization is None and api_key is None:
        return Credential(kind=Kind.NONE, digest=digest)
    if authorization is not None and api_key is not None:
        return Credential(kind=Kind.OTHER, digest=digest)
    text = api_key if api_key is not None else _bearer(authorization or "")
    if text is None or len(text) > _MAX_CREDENTIAL:
        return Credential(kind=Kind.OTHER, digest=digest)
    if api_key is not None or text.startswith(PREFIX):
        key = Key.parse(text)
        return Credential(kind=Kind.KEY if key else Kind.OTHER, digest=digest, key=key)
    return Credential(kind=Kind.TOKEN, digest=digest, token=text)


def _bearer(authorization: str) -> str | None:
    scheme, _, text = authorization.partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None
