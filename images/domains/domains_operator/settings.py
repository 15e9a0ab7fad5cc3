"""What the operator is told when it starts: one JSON file, the same for every replica."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from components.platform.specs import Host, TenantName

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]


class StartError(Exception):
    """The operator cannot start as it is set up. Exit code 2."""


class Part(BaseModel):
    """A part of the file; keys it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class Server(Part):
    """A DNS server. `host`: a name or an address; a name may stand for several servers."""

    host: str
    port: Port = 53


class Zone(Part):
    """A zone that is held here: the platform's own, or, with a tenant, that tenant's, delegated to the platform."""

    name: Host
    tenant: TenantName | None = None


class Acme(Part):
    """A certificate authority that speaks ACME (RFC 8555).

    `authority`: a PEM file, where its own server's certificate is not signed by a public authority.
    `orders`: how many are begun in `window` at most; Let's Encrypt allows 300 in three hours for an account.
    """

    directory: Annotated[str, Field(pattern="^https://.+")]
    contact: str | None = None
    authority: Path | None = None
    patience: Seconds = timedelta(seconds=90)
    orders: Annotated[int, Field(ge=1)] = 300
    window: Seconds = timedelta(hours=3)


class OwnAuthority(Part):
    """The platform's own certificate authority. `life`: of a certificate; `root_life`: of the authority's own."""

    life: Seconds = timedelta(days=90)
    root_life: Seconds = timedelta(days=3650)


class Pace(Part):
    """How often things are done.

    `pending`: between looks for a proof that is not there yet, at first; `verified`: between looks at one that was;
    `grace`: how long a host lives on after its proof vanished. `retry`: after a first failure; it doubles up to
    `retry_at_most`. With 5 minutes at first, no host fails more often than the five times an hour that Let's Encrypt
    allows.
    """

    pending: Seconds = timedelta(seconds=10)
    pending_at_most: Seconds = timedelta(minutes=10)
    verified: Seconds = timedelta(hours=1)
    grace: Seconds = timedelta(hours=72)
    retry: Seconds = timedelta(minutes=5)
    retry_at_most: Seconds = timedelta(hours=6)


class Settings(Part):
    """All of it. The first zone is the environment's own: tenants answer at `<tenant>.<zone>`.

    `addresses`: the gateway's, for the wildcard; `nameservers`: names of the servers of our zones, `ns1.<first zone>`
    with `nameserver_addresses` where none is given. `resolvers`: who is asked for proofs; `servers`: our own zone
    servers, all of which must have a challenge's record before it is used; `own_server`: the one in this pod.
    """

    zones: Annotated[tuple[Zone, ...], Field(min_length=1)]
    addresses: Annotated[tuple[IPv4Address | IPv6Address, ...], Field(min_length=1)]
    nameservers: tuple[Host, ...] = ()
    nameserver_addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    issuer: Literal["acme", "own"] = "own"
    acme: Acme | None = None
    own: OwnAuthority = OwnAuthority()
    resolvers: Annotated[tuple[Server, ...], Field(min_length=1)]
    servers: Annotated[tuple[Server, ...], Field(min_length=1)]
    own_server: Server = Server(host="127.0.0.1", port=5353)
    pace: Pace = Pace()
    namespace: str = "groundwork-domains"
    gateway_namespace: str = "groundwork-gateway"
    gateway_selector: Mapping[str, str] = {"istio": "gateway"}
    gateway_port: Port = 443
    cipher_suites: tuple[str, ...] = ()
    zone_folder: Path = Path("/zones")
    host: str = ""
    port: Port = 8080
    metrics_port: Port = 9090

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.zones[0].tenant is not None:
            raise ValueError("zones: the first is the environment's own, and has no tenant")
        names = [zone.name for zone in self.zones]
        if len(set(names)) < len(names):
            raise ValueError("zones: a name stands twice")
        if self.issuer == "acme" and self.acme is None:
            raise ValueError("acme: is missing where issuer is acme")
        return self

    @property
    def domain(self) -> str:
        """The environment's own zone."""
        return self.zones[0].name

    def zone_of(self, host: str) -> Zone | None:
        """The most specific of our zones that the host is in."""
        inside = [zone for zone in self.zones if host == zone.name or host.endswith(f".{zone.name}")]
        return max(inside, key=lambda zone: len(zone.name), default=None)


def read(file: Path) -> Settings:
    """The settings in a file. Raises StartError, with each problem."""
    try:
        return Settings.model_validate_json(file.read_bytes())
    except OSError as error:
        raise StartError(f"{file}: {error.strerror}") from None
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_input=False)]
        raise StartError(f"{file}: {'; '.join(rows)}") from None
