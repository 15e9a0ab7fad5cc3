"""The life of an API key: made, rotated with a grace period, revoked. Nothing here speaks to a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from components.labels import TENANT
from components.platform.keys import Key
from components.platform.specs import API_VERSION, ApiKeySpec, RateLimit, Revoked, Scope
from groundwork.errors import UserError


class State(StrEnum):
    """What a key is good for. Only the first two open anything; no state leads back to an earlier one."""

    ACTIVE = "active"
    GRACE = "grace"
    ENDED = "ended"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def opens(self) -> bool:
        """Whether requests with such a key pass."""
        return self in {State.ACTIVE, State.GRACE}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a new key should be. `lifetime`: None for a key that does not expire."""

    scope: Scope
    lifetime: timedelta | None = None
    rate_limit: RateLimit | None = None
    note: str = ""


def state(spec: ApiKeySpec, now: datetime) -> State:
    """A key's state at a moment. A moment at which something ends belongs to what comes after it."""
    if spec.revoked is not None:
        return State.REVOKED
    if spec.expires_at is not None and spec.expires_at <= now:
        return State.EXPIRED
    if spec.grace_until is not None:
        return State.ENDED if spec.grace_until <= now else State.GRACE
    return State.ACTIVE


def made(wish: Wish, now: datetime) -> tuple[Key, ApiKeySpec]:
    """A new key and what is kept of it."""
    key = Key.new()
    spec = ApiKeySpec(
        hash=key.hash,
        scope=wish.scope,
        created_at=now,
        expires_at=now + wish.lifetime if wish.lifetime is not None else None,
        rate_limit=wish.rate_limit,
        note=wish.note,
    )
    return key, spec


def successor(old: ApiKeySpec, now: datetime) -> Wish:
    """A key like the old one, for as long as that was made for. Raises UserError where the old one is not active."""
    found = state(old, now)
    if found is State.GRACE:
        raise UserError(what=f"the key was rotated already; {old.successor} took its place", fix="rotate that one")
    if found is not State.ACTIVE:
        raise UserError(what=f"the key is {found}", allowed="an active key", fix="groundwork key create")
    lifetime = old.expires_at - old.created_at if old.expires_at is not None else None
    return Wish(scope=old.scope, lifetime=lifetime, rate_limit=old.rate_limit, note=old.note)


def rotated(old: ApiKeySpec, new_id: str, grace: timedelta, now: datetime) -> ApiKeySpec:
    """The old key with its end, which a rotation never puts off."""
    return old.model_copy(update={"grace_until": now + grace, "successor": new_id})


def revoked(old: ApiKeySpec, reason: str, by: str, now: datetime) -> ApiKeySpec:
    """The key without any use from now on. The first revocation stays as it is."""
    if old.revoked is not None:
        return old
    return old.model_copy(update={"revoked": Revoked(at=now, reason=reason, by=by)})


def written(spec: ApiKeySpec) -> dict[str, object]:
    """A key's spec as it stands in the cluster."""
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def manifest(key_id: str, spec: ApiKeySpec) -> dict[str, object]:
    """The ApiKey object of a key, in the namespace of its tenant."""
    tenant = spec.scope.org
    return {
        "apiVersion": API_VERSION,
        "kind": "ApiKey",
        "metadata": {"name": key_id, "namespace": tenant, "labels": {TENANT: tenant}},
        "spec": written(spec),
    }
