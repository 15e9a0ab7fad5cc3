"""What every backend of domains gives: zones that answer, and a certificate for all tenants' own names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pydantic import TypeAdapter, ValidationError

from components.hosts import Host
from components.units import NAME, Name
from groundwork.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A zone that is kept here: the platform's own, or, with a tenant, that tenant's, delegated to the platform.

    In the platform's zones every direct subdomain leads to the gateway, and has a certificate.
    """

    name: str
    tenant: str | None = None

    def __post_init__(self) -> None:
        for value, kind, allowed in ((self.name, Host, "a DNS name"), (self.tenant or "a", Name, NAME)):
            try:
                TypeAdapter[str](kind).validate_python(value)
            except ValidationError as error:
                raise UserError(what=f"zone {self.name!r}: {error.errors()[0]['msg']}", allowed=allowed) from None


class Domains(pulumi.ComponentResource):
    """An environment's names.

    `nameservers`: what each zone's parent must delegate to. `certificate`: of `*.<first zone>`: a Secret's name in the
    gateway's namespace where the gateway ends TLS, the ARN where a load balancer before it does.
    """

    nameservers: pulumi.Output[Sequence[str]]
    certificate: pulumi.Output[str]


def check_zones(zones: Sequence[Zone]) -> None:
    """Raise UserError where the zones do not hold together. The first is the environment's own."""
    names = [zone.name for zone in zones]
    if not zones or zones[0].tenant is not None:
        raise UserError(what="zones: the first is not the environment's own", allowed="a zone without a tenant first")
    for name in names:
        if names.count(name) > 1:
            raise UserError(what=f"zones: {name} stands twice", allowed="names that differ")
