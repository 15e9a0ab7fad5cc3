"""Networks in settings."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from components.units import refusal


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise refusal(
            f"{value!r} is not a network", "an address and the length of its prefix, such as 10.244.0.0/16"
        ) from None


Network = Annotated[str, AfterValidator(_network)]
