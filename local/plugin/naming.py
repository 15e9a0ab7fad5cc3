"""Automatic names: `<resource name>-<eight hex digits>`, kept for as long as the resource lives."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum

from pulumi.runtime.proto import provider_pb2


class Autonaming(Enum):
    """What the stack's settings say about automatic names."""

    PROPOSE = 0
    ENFORCE = 1
    DISABLE = 2


@dataclass(frozen=True)
class NamingRequest:
    """`base`: the resource's name in the program; `seed`: what makes preview and update agree on a name."""

    base: str
    seed: bytes = b""
    mode: Autonaming = Autonaming.PROPOSE
    proposed: str = ""


def unique_name(prefix: str, seed: bytes = b"") -> str:
    """The prefix and eight hex digits; the same for the same seed."""
    digits = hashlib.sha256(seed + prefix.encode()).hexdigest()[:8] if seed else secrets.token_hex(4)
    return f"{prefix}{digits}"


def name_of_urn(urn: str) -> str:
    """The resource's name in the program."""
    return urn.split("::", 3)[-1]


def naming_of(request: provider_pb2.CheckRequest) -> NamingRequest:
    """What a check request says of the automatic name."""
    mode, proposed = Autonaming.PROPOSE, ""
    if request.HasField("autonaming"):
        mode, proposed = Autonaming(request.autonaming.mode), request.autonaming.proposed_name
    return NamingRequest(name_of_urn(request.urn), request.randomSeed, mode, proposed)
