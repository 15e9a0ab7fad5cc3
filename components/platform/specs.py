"""The platform's own Kubernetes kinds, as pydantic models: CRDs are made from them, programs read objects with them.

The images of the authorizer and the domains operator carry this file: it imports pydantic only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

GROUP = "groundwork.internal"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_PATTERN = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
HOST_PATTERN = rf"^{LABEL_PATTERN}(\.{LABEL_PATTERN})+$"
NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$"
KEY_ID_PATTERN = r"^[a-z0-9]{12}$"

Rule = dict[str, str]


def _rules(*rules: tuple[str, str]) -> dict[str, JsonValue]:
    """CEL rules (rule, message) that the API server holds an object to; they have no meaning for pydantic."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


class Shape(BaseModel):
    """A part of an object. Keys of a newer version are passed over, so that an older program goes on reading."""

    # Built when first used: the command line reads this file at every start.
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, defer_build=True
    )


Host = Annotated[str, Field(max_length=253, pattern=HOST_PATTERN, description="A DNS name in lower case, no wildcard")]
TenantName = Annotated[str, Field(max_length=50, pattern=NAME_PATTERN)]
AgentName = Annotated[str, Field(max_length=50, pattern=NAME_PATTERN)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class RateLimit(Shape):
    """How many requests a second are let through, over all replicas of the gateway."""

    requests_per_second: Annotated[int, Field(ge=1, le=1_000_000)]


class Suspended(Shape):
    """The tenant's requests are answered with 403 and this reason."""

    reason: Reason


class Issuer(Shape):
    """Whose tokens the tenant accepts. `jwks`: the public keys themselves; `jwksUri`: where they are fetched."""

    model_config = ConfigDict(
        json_schema_extra=_rules(("has(self.jwks) != has(self.jwksUri)", "give either jwks or jwksUri"))
    )

    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    audiences: Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(min_length=1, max_length=20)]
    jwks: Annotated[
        dict[str, JsonValue] | None,
        Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}, description="A JSON Web Key Set"),
    ] = None
    jwks_uri: Annotated[str | None, Field(max_length=1000, pattern="^https://.+")] = None


class TenantSpec(Shape):
    """A tenant as the gateway sees it. Its object has the tenant's name and is in the namespace of that name."""

    hosts: Annotated[
        list[Host], Field(min_length=1, max_length=100, json_schema_extra={"x-kubernetes-list-type": "set"})
    ]
    suspended: Suspended | None = None
    issuers: Annotated[
        list[Issuer],
        Field(
            max_length=20,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["issuer"]},
        ),
    ] = []
    rate_limit: RateLimit | None = None
    flags: Annotated[dict[str, bool], Field(max_length=200)] = {}
    branding: Annotated[dict[str, Annotated[str, Field(max_length=2000)]], Field(max_length=100)] = {}
    retention_days: Annotated[int | None, Field(ge=1, le=36_500)] = None


class Scope(Shape):
    """Where a key opens. What is left out is not narrowed: a key with `org` alone opens all of the tenant."""

    org: TenantName
    domain: Host | None = None
    environment: Annotated[str | None, Field(max_length=50, pattern=NAME_PATTERN)] = None
    agents: Annotated[list[AgentName] | None, Field(min_length=1, max_length=100)] = None


class Revoked(Shape):
    """Since when a key is refused for ever, why, and by whom."""

    at: datetime
    reason: Reason
    by: Annotated[str | None, Field(max_length=200)] = None


class ApiKeySpec(Shape):
    """A key: of its secret only the SHA-256 (hex) is kept. The object's name is the key's id."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            ("self.hash == oldSelf.hash", "the hash cannot be changed: make a new key"),
            ("self.scope == oldSelf.scope", "the scope cannot be changed: make a new key"),
            ("!has(oldSelf.revoked) || has(self.revoked)", "a revoked key stays revoked: make a new key"),
            ("!has(self.expiresAt) || self.expiresAt > self.createdAt", "expiresAt must be after createdAt"),
        )
    )

    hash: Annotated[str, Field(max_length=64, pattern="^[0-9a-f]{64}$")]
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    grace_until: Annotated[datetime | None, Field(description="Set when the key is rotated: it ends then")] = None
    successor: Annotated[str | None, Field(max_length=12, pattern=KEY_ID_PATTERN, description="The key after it")] = (
        None
    )
    revoked: Revoked | None = None
    rate_limit: RateLimit | None = None
    note: Annotated[str, Field(max_length=200)] = ""


class ApiKeyStatus(Shape):
    """What the authorizer counted."""

    requests: Annotated[int, Field(ge=0)] = 0
    last_used_at: datetime | None = None


class DomainSpec(Shape):
    """A name of a tenant's own. The object is in the tenant's namespace.

    `issuer`: who signs its certificate; left out, the environment's own choice.
    """

    model_config = ConfigDict(
        json_schema_extra=_rules(("self.host == oldSelf.host", "the host cannot be changed: make a new object"))
    )

    host: Host
    issuer: Literal["acme", "own"] | None = None


class DnsRecord(Shape):
    """A record that the owner of the name sets where the name's zone is kept."""

    type: Literal["TXT", "CNAME"]
    name: Annotated[str, Field(max_length=253)]
    value: Annotated[str, Field(max_length=253)]


class Condition(Shape):
    """One thing that holds or does not, as all kinds of Kubernetes say it."""

    type: Annotated[str, Field(max_length=63)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=100)]
    message: Annotated[str, Field(max_length=1000)] = ""
    last_transition_time: datetime
    observed_generation: Annotated[int | None, Field(ge=0)] = None


class Certificate(Shape):
    """The certificate that the gateway has. `secret`: its name in the gateway's namespace."""

    secret: Annotated[str, Field(max_length=253)]
    issuer: Annotated[str, Field(max_length=500)]
    not_before: datetime
    not_after: datetime
    renew_at: datetime


class DomainStatus(Shape):
    """How far the domain is. `records`: any one of them proves control. `reason`: for people.

    Only in state Issued does the gateway answer for the host. `lostAt`: since when the proof is gone; after the grace
    period the domain is taken down.
    """

    state: Literal["Pending", "Verified", "Issued", "Failed"] = "Pending"
    reason: Annotated[str, Field(max_length=1000)] = ""
    records: Annotated[list[DnsRecord], Field(max_length=5)] = []
    conditions: Annotated[list[Condition], Field(max_length=10)] = []
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    lost_at: datetime | None = None
    certificate: Certificate | None = None
    failures: Annotated[int, Field(ge=0)] = 0
    retry_at: datetime | None = None


class Metadata(Shape):
    """What programs here read of an object's metadata."""

    name: str
    namespace: str
    resource_version: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    labels: Mapping[str, str] = {}


class Tenant(Shape):
    """An object of kind Tenant."""

    plural: ClassVar[str] = "tenants"

    metadata: Metadata
    spec: TenantSpec


class ApiKey(Shape):
    """An object of kind ApiKey."""

    plural: ClassVar[str] = "apikeys"

    metadata: Metadata
    spec: ApiKeySpec
    status: ApiKeyStatus = Field(default_factory=ApiKeyStatus)


class Domain(Shape):
    """An object of kind Domain."""

    plural: ClassVar[str] = "domains"

    metadata: Metadata
    spec: DomainSpec
    status: DomainStatus = Field(default_factory=DomainStatus)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind: its names, its models and what `kubectl get` shows (title, JSONPath, type)."""

    name: str
    plural: str
    short: str
    spec: type[Shape]
    status: type[Shape] | None = None
    columns: tuple[tuple[str, str, str], ...]


KINDS = (
    Kind(
        name="Tenant",
        plural=Tenant.plural,
        short="gwt",
        spec=TenantSpec,
        columns=(
            ("Hosts", ".spec.hosts", "string"),
            ("Suspended", ".spec.suspended.reason", "string"),
            ("Requests/s", ".spec.rateLimit.requestsPerSecond", "integer"),
        ),
    ),
    Kind(
        name="ApiKey",
        plural=ApiKey.plural,
        short="gwk",
        spec=ApiKeySpec,
        status=ApiKeyStatus,
        columns=(
            ("Expires", ".spec.expiresAt", "string"),
            ("Grace until", ".spec.graceUntil", "string"),
            ("Revoked", ".spec.revoked.reason", "string"),
            ("Requests", ".status.requests", "integer"),
            ("Last used", ".status.lastUsedAt", "date"),
        ),
    ),
    Kind(
        name="Domain",
        plural=Domain.plural,
        short="gwd",
        spec=DomainSpec,
        status=DomainStatus,
        columns=(
            ("Host", ".spec.host", "string"),
            ("State", ".status.state", "string"),
            ("Certificate until", ".status.certificate.notAfter", "string"),
            ("Reason", ".status.reason", "string"),
        ),
    ),
)
