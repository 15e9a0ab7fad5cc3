"""Automatic names: `<resource name>-<eight hex digits>`, kept for as long as the resource lives."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import Enum

from local.kubernetes_plugin.objects import AUTONAMED, annotation, is_true, meta, name, with_annotation, with_metadata
from local.kubernetes_plugin.values import Object, Unknown


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


def needs_name(obj: Object) -> bool:
    """Whether neither a name nor a `generateName` was given, known or not."""
    return not any(meta(obj).get(key) for key in ("name", "generateName")) and not isinstance(
        obj.get("metadata"), Unknown
    )


def assign_name(obj: Object, request: NamingRequest) -> Object:
    """The object with an automatic name, if it needs one. Raises `ValueError` where the settings forbid that."""
    if not needs_name(obj):
        return obj
    if request.mode is Autonaming.DISABLE:
        raise ValueError(
            "autonaming is disabled, resource requires explicit `.metadata.name` or `.metadata.generateName`"
        )
    chosen = request.proposed or unique_name(f"{request.base}-", request.seed)
    return with_annotation(with_metadata(obj, name=chosen), AUTONAMED, "true")


def adopt_old_name(obj: Object, old: Object) -> Object:
    """The object under the automatic name that it got before, if it has no other name now."""
    if meta(obj).get("name") or not is_true(old, AUTONAMED):
        return obj
    return with_annotation(with_metadata(obj, name=name(old)), AUTONAMED, "true")


def is_autonamed(obj: Object) -> bool:
    """Whether the name came from here."""
    return annotation(obj, AUTONAMED) == "true"


def is_named(obj: Object) -> bool:
    """Whether there is a name, even one that is not known yet."""
    return bool(meta(obj).get("name"))


def is_generate_name(obj: Object) -> bool:
    """Whether the API server is to choose the name."""
    return not is_named(obj) and bool(meta(obj).get("generateName"))
