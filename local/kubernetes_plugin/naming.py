"""Automatic names: `<resource name>-<eight hex digits>`, kept for as long as the resource lives."""

from __future__ import annotations

from local.kubernetes_plugin.objects import AUTONAMED, annotation, is_true, meta, name, with_annotation, with_metadata
from local.plugin.naming import Autonaming, NamingRequest, unique_name
from local.plugin.values import Object, Unknown


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
