"""Decides: asks OPA, and remembers its answers for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from authorizer.asked import Asked, Kind
from authorizer.decision import UNAVAILABLE, Decision, Json, Judged, question
from authorizer.directory import Directory
from authorizer.jwks import KeySets
from components.platform.specs import ApiKey, Tenant

URL = "http://opa/v1/data/groundwork/access/decision"
HEALTH = "http://opa/health"
FAILURES = (aiohttp.ClientError, TimeoutError)
MOST_REMEMBERED = 20_000
_log = logging.getLogger("authorizer.policy")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    result: Decision


def opa_client(socket: Path, timeout: float) -> aiohttp.ClientSession:
    """OPA over its socket, on connections that are kept. `timeout`: seconds for an answer."""
    connector = aiohttp.UnixConnector(path=str(socket), limit=64)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=timeout))


@dataclass(kw_only=True)
class Memory:
    """Decisions of the last seconds, by tenant.

    A decision depends on the tenant's object, the key's object, the issuer's keys, the request's host, name, path's
    form and agent, the credential and the time. The first three forget all that was remembered of the tenant when they
    change; the next are what an answer is remembered under; and an answer is never kept past its own `until`.
    `version`: grows with every change, so that an answer from before a change is not kept after it.
    """

    seconds: float
    version: int = 0
    _of: dict[str, dict[Hashable, tuple[Decision, float]]] = field(default_factory=dict)
    _count: int = 0

    def find(self, tenant: str, asked: Asked) -> Decision | None:
        """What was decided, if it still holds."""
        found = self._of.get(tenant, {}).get(_same(asked))
        return found[0] if found is not None and time.time() < found[1] else None

    def keep(self, tenant: str, asked: Asked, decision: Decision) -> None:
        """Remember an answer."""
        if self._count >= MOST_REMEMBERED:
            self.forget_all()
        ends = time.time() + self.seconds
        if decision.until is not None:
            ends = min(ends, decision.until / 1e9)
        self._of.setdefault(tenant, {})[_same(asked)] = (decision, ends)
        self._count += 1

    def forget(self, tenant: str) -> None:
        """Something of the tenant changed."""
        self.version += 1
        self._count -= len(self._of.pop(tenant, {}))

    def forget_all(self) -> None:
        """Something changed that may be everybody's."""
        self.version += 1
        self._of.clear()
        self._count = 0


@dataclass(kw_only=True)
class Policy:
    """Who may pass. `knows`: whether all was listed once; `environment` and `checks_name`: as in Settings."""

    directory: Directory
    knows: Callable[[], bool]
    memory: Memory
    key_sets: KeySets
    opa: aiohttp.ClientSession
    environment: str
    checks_name: bool

    async def judge(self, asked: Asked) -> Judged:
        """Decide about a request. Where OPA does not answer in time, nobody passes (503)."""
        if not self.knows():
            return Judged(asked=asked, tenant=None, key=None, decision=UNAVAILABLE)
        tenant = self.directory.tenant_at(asked.host)
        name = tenant.metadata.name if tenant else ""
        key = self._key(name, asked)
        decision = self.memory.find(name, asked)
        if decision is None:
            version = self.memory.version
            decision = await self._decide(asked, tenant, key)
            if decision.status != 503 and version == self.memory.version:
                self.memory.keep(name, asked, decision)
        return Judged(asked=asked, tenant=tenant, key=key, decision=decision)

    async def ready(self) -> bool:
        """Whether OPA answers."""
        try:
            async with self.opa.get(HEALTH) as answer:
                return answer.ok
        except FAILURES:
            return False

    def _key(self, tenant: str, asked: Asked) -> ApiKey | None:
        """The object of the key that was shown, if its secret is the one."""
        shown = asked.credential.key
        if shown is None:
            return None
        stored = self.directory.key(tenant, shown.id)
        return stored if shown.fits(stored.spec.hash if stored else None) else None

    async def _decide(self, asked: Asked, tenant: Tenant | None, key: ApiKey | None) -> Decision:
        tokens = tenant is not None and asked.credential.kind is Kind.TOKEN
        jwks = await self.key_sets.of(tenant, asked.credential.token) if tenant and tokens else {}
        place: Json = {"environment": self.environment, "checks_name": self.checks_name, "now": time.time_ns()}
        body = {"input": place | question(asked, tenant, key, jwks)}
        try:
            async with self.opa.post(URL, json=body, raise_for_status=True) as answer:
                return _Answer.model_validate_json(await answer.read()).result
        except (*FAILURES, ValidationError) as error:
            _log.error("OPA does not decide", extra={"fields": {"reason": type(error).__name__}})
            return UNAVAILABLE


def _same(asked: Asked) -> Hashable:
    return asked.host, asked.sni, asked.clean, asked.agent, asked.credential.digest
