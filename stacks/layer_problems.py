"""What settings of layers ask for and an environment does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic_core import InitErrorDetails

from components.cluster.names import FAST
from components.secrets.kinds import KINDS
from stacks.problems import detail

if TYPE_CHECKING:
    from stacks.settings import Settings

_STORES = ("secrets", "observability")
# One is lost with its zone; two are no majority of themselves when one is gone.
_NODES = 3


def problems(settings: Settings) -> Iterator[InitErrorDetails]:
    """Of an environment's settings as a whole."""
    seen = settings.observability
    if seen.replicas > 1 and seen.storage_class is None:
        what = f"{seen.replicas} without a storage class have nowhere to keep what is theirs"
        yield detail(("observability", "replicas"), what, "1, or a storageClass")
    if settings.secrets.snapshots is not None and (settings.aws is None or settings.aws.cluster.kind != "eks"):
        yield detail(("secrets", "snapshots"), "go to a bucket of an environment on EKS", "none")
    if settings.secrets.postgres == "rds" and settings.aws is None:
        yield detail(("secrets", "postgres"), "'rds': this environment makes no users of RDS", "true or false")
    yield from _of_another_server(settings)
    if settings.aws is None:
        yield from _with_a_key_of_yours(settings)
    elif settings.aws.cluster.kind == "ecs":
        if settings.secrets.postgres == "rds" and "ecs" not in settings.aws.network.endpoints:
            what = (
                "ecs is missing: what makes users of the database has ECS start new tasks, and has no other way to it"
            )
            yield detail(("aws", "network", "endpoints"), what, "ecs and others, or secrets.postgres: false")
        for index, layer in enumerate(settings.layers):
            allowed = "none: layers are for Kubernetes (docs/ecs.md)"
            yield detail(("layers", index), f"{layer!r}: aws.cluster.kind is ecs", allowed)
    else:
        yield from _on_eks(settings)


def _of_another_server(settings: Settings) -> Iterator[InitErrorDetails]:
    """What is said of a server that does not run here."""
    secrets = settings.secrets
    if secrets.kms is not None and secrets.kms.plugin is not None and not secrets.kind.plugin:
        what = f"{str(secrets.kms.plugin.path)!r}: secrets.server is {secrets.server}, which speaks to KMS by itself"
        yield detail(("secrets", "kms", "plugin"), what, "none")
    named = settings.images or {}
    for name in sorted((KINDS.keys() - {secrets.server}) & named.keys()):
        if "secrets" in settings.layers and secrets.server not in named:
            what = f"{named[name]!r}: secrets.server is {secrets.server}, which has no image here"
            yield detail(("images", name), what, f"an image {secrets.server}, or secrets.server: {name}")


def _with_a_key_of_yours(settings: Settings) -> Iterator[InitErrorDetails]:
    kms = settings.secrets.kms
    if kms is None:
        return
    for key, value, allowed in (("keyId", kms.key_id, "a key's id, ARN or alias"), ("region", kms.region, "its own")):
        if value is None:
            yield detail(("secrets", "kms", key), "is missing, and this environment makes no key", allowed)


def _on_eks(settings: Settings) -> Iterator[InitErrorDetails]:
    for layer in _STORES:
        found = settings.secrets.storage_class if layer == "secrets" else settings.observability.storage_class
        if found not in {None, FAST}:
            yield detail((layer, "storageClass"), f"{found!r} is no class of this environment", FAST)
    if settings.admission.replicas == 1:
        what = "1: nothing is let in while it moves to another node"
        yield detail(("admission", "replicas"), what, "2 to 5")
    if "secrets" not in settings.layers:
        return
    secrets = settings.secrets
    if secrets.replicas < _NODES:
        yield detail(("secrets", "replicas"), f"{secrets.replicas} is lost with its zone", "3, 5 or 7")
    for key, value in (("keyId", secrets.kms and secrets.kms.key_id), ("region", secrets.kms and secrets.kms.region)):
        if value is not None:
            what = f"{value!r}: the environment makes the key, and OpenBao may use no other"
            yield detail(("secrets", "kms", key), what, "none")
