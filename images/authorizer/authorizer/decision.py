"""What OPA decided, and the question it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from authorizer.asked import Asked, Kind
from components.platform.specs import ApiKey, RateLimit, Tenant

Json = dict[str, JsonValue]


class Decision(BaseModel):
    """Whether the request may go on. `until`: nanoseconds since 1970, when the answer may no longer be the same."""

    model_config = ConfigDict(frozen=True)

    allow: bool
    status: int
    reason: str
    message: str
    principal: str | None
    until: int | None


UNAVAILABLE = Decision(
    allow=False, status=503, reason="authorizer_unavailable", message="try again", principal=None, until=None
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A request with its tenant, its key (where the secret is the key's) and what was decided."""

    asked: Asked
    tenant: Tenant | None
    key: ApiKey | None
    decision: Decision

    @property
    def tenant_name(self) -> str:
        """ "" for a host that is no tenant's."""
        return self.tenant.metadata.name if self.tenant else ""

    @property
    def limits(self) -> Mapping[str, RateLimit]:
        """The limits that are set, by what they are for."""
        found = {
            "tenant": self.tenant.spec.rate_limit if self.tenant else None,
            "key": self.key.spec.rate_limit if self.key else None,
        }
        return {name: limit for name, limit in found.items() if limit is not None}


def question(asked: Asked, tenant: Tenant | None, key: ApiKey | None, jwks: Mapping[str, str]) -> Json:
    """OPA's input, but for what is the same for all. What is not known is left out. `jwks`: by issuer."""
    request: Json = {"host": asked.host, "sni": asked.sni, "clean": asked.clean, "method": asked.method}
    if asked.agent:
        request["agent"] = asked.agent
    shown: Json = {"kind": asked.credential.kind.value}
    if asked.credential.kind is Kind.TOKEN:
        shown["token"] = asked.credential.token
    if key is not None:
        shown["key"] = _key(key)
    body: Json = {"request": request, "credential": shown}
    if tenant is not None:
        body["tenant"] = _tenant(tenant, jwks)
    return body


def nanoseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1_000_000) * 1000


def _key(key: ApiKey) -> Json:
    spec = key.spec
    body: Json = {
        "id": key.metadata.name,
        "revoked": spec.revoked is not None,
        "scope": spec.scope.model_dump(mode="json", exclude_none=True),
    }
    for name, moment in (("expires_at", spec.expires_at), ("grace_until", spec.grace_until)):
        if moment is not None:
            body[name] = nanoseconds(moment)
    return body


def _tenant(tenant: Tenant, jwks: Mapping[str, str]) -> Json:
    issuers: list[JsonValue] = []
    for each in tenant.spec.issuers:
        row: Json = {"issuer": each.issuer, "audiences": [*each.audiences]}
        if each.issuer in jwks:
            row["jwks"] = jwks[each.issuer]
        issuers.append(row)
    body: Json = {"name": tenant.metadata.name, "issuers": issuers}
    if tenant.spec.suspended is not None:
        body["suspended"] = {"reason": tenant.spec.suspended.reason}
    return body
