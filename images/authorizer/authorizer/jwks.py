"""The public keys of tokens' issuers: those in the tenant's object, and those fetched from `jwksUri`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from pydantic import BaseModel, JsonValue

from components.platform.specs import Tenant

_log = logging.getLogger("authorizer.jwks")
TIMEOUT_SECONDS = 1.5  # the gateway waits 2 s for an answer
MAX_BYTES = 256 * 1024
# Keys are fetched anew after so long, and at most so often where a token names a key that is not among them.
MAX_AGE_SECONDS = 600.0
LEAST_AGE_SECONDS = 30.0
RETRY_SECONDS = 3.0
# How long keys serve whose issuer cannot be reached.
STALE_SECONDS = 24 * 3600.0


class _KeySet(BaseModel):
    keys: list[dict[str, JsonValue]]


@dataclass(kw_only=True)
class _Fetched:
    text: str | None = None
    key_ids: frozenset[str] = frozenset()
    at: float = -MAX_AGE_SECONDS
    tried: float = -MAX_AGE_SECONDS
    fetching: asyncio.Task[None] | None = None


@dataclass(kw_only=True)
class KeySets:
    """JSON Web Key Sets as text, by issuer. `changed`: called when fetched keys are not what they were."""

    http: aiohttp.ClientSession
    changed: Callable[[], None]
    _by_uri: dict[str, _Fetched] = field(default_factory=dict)

    async def of(self, tenant: Tenant, token: str) -> Mapping[str, str]:
        """The keys of the tenant's issuer that the token names, by issuer; empty where there is none, or they cannot
        be had. What the token says is not verified yet, and only chooses what is looked at.
        """
        name, key_id = named(token)
        for issuer in tenant.spec.issuers:
            if issuer.issuer == name:
                text = await self._fetched(issuer.jwks_uri, key_id) if issuer.jwks_uri else json.dumps(issuer.jwks)
                return {} if text is None else {issuer.issuer: text}
        return {}

    async def _fetched(self, uri: str, key_id: str | None) -> str | None:
        known, now = self._by_uri.setdefault(uri, _Fetched()), time.monotonic()
        unknown_key = key_id is not None and key_id not in known.key_ids
        due = now - known.at > MAX_AGE_SECONDS or unknown_key
        pause = RETRY_SECONDS if known.text is None else LEAST_AGE_SECONDS
        if due and known.fetching is None and now - known.tried > pause:
            known.tried = now
            known.fetching = asyncio.create_task(self._fetch(uri, known))
        # Old keys serve while new ones are on their way, unless the token's is not among them.
        if known.fetching is not None and (known.text is None or unknown_key):
            await asyncio.shield(known.fetching)
        return known.text if now - known.at < STALE_SECONDS else None

    async def _fetch(self, uri: str, known: _Fetched) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                text = await self._get(uri)
            key_ids = frozenset(str(key["kid"]) for key in _KeySet.model_validate_json(text).keys if "kid" in key)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _log.warning("keys cannot be fetched", extra={"fields": {"uri": uri, "reason": type(error).__name__}})
            return
        finally:
            known.fetching = None
        fresh = known.text is not None and known.text != text
        known.text, known.key_ids, known.at = text, key_ids, time.monotonic()
        if fresh:
            self.changed()

    async def _get(self, uri: str) -> str:
        async with self.http.get(uri, allow_redirects=False, raise_for_status=True) as response:
            body = bytearray()
            async for part in response.content.iter_chunked(16_384):
                body += part
                if len(body) > MAX_BYTES:
                    raise ValueError("too long")
        return body.decode("utf-8")


def named(token: str) -> tuple[str | None, str | None]:
    """The issuer and the key's id that a token names; None for what it does not."""
    header, _, rest = token.partition(".")
    return _text(rest.partition(".")[0], "iss"), _text(header, "kid")


def _text(part: str, name: str) -> str | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
