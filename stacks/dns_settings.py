"""How an environment's names are kept and certified: the setting `dns`.  (docs/domains.md)"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from components.documents import StrictModel
from components.hosts import Host
from components.units import Address, Name, refusal
from stacks.problems import detail

# Where the local node gives its load balancers' addresses; port 53 is the machine's own resolver's.
LOOPBACK, LOCAL_PORT = "127.0.0.1", 5353


def _ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise refusal(f"{value!r} is no IP address", "an address such as 203.0.113.7 or 2001:db8::7") from None


def _https(value: str) -> str:
    if not value.startswith("https://"):
        raise refusal(f"{value!r} is no directory of a certificate authority", "an https URL")
    return value


Ip = Annotated[str, AfterValidator(_ip)]


class AcmeSettings(StrictModel):
    """An authority that speaks ACME. `contact`: an address that it may write to."""

    directory: Annotated[str, AfterValidator(_https)]
    contact: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class DnsSettings(StrictModel):
    """Defaults fit a cluster on this machine: its gateway on 127.0.0.1, and certificates of the platform's own."""

    zones: dict[Host, Name] = Field(default_factory=dict)
    addresses: Annotated[tuple[Ip, ...], Field(min_length=1)] = (LOOPBACK,)
    port: Annotated[int, Field(ge=1, le=65535)] = LOCAL_PORT
    nameservers: tuple[Host, ...] = ()
    nameserver_addresses: tuple[Ip, ...] = ()
    resolvers: tuple[Address, ...] = ()
    acme: AcmeSettings | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValidationError.from_exception_data("DnsSettings", problems)
        return self

    def _problems(self) -> Iterator[InitErrorDetails]:
        if self.nameservers and self.nameserver_addresses:
            yield detail(
                ("nameserverAddresses",), "are of servers whose names are kept elsewhere", "either names or addresses"
            )
