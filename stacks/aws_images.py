"""An AWS environment's images: of its settings, or of the lock; simulated ones in a preview.  (docs/images.md)"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from components.units import is_by_digest
from groundwork.errors import UserError
from local.paths import CHECKOUT
from stacks.aws_settings import AwsSettings
from stacks.image_lock import BUILT, FIX, LOCK, Lock, Locked, read_lock
from stacks.settings import Settings

# What previews and rehearsals set. No image has such a digest, and the repository's name says so.
VARIABLE, SIMULATED = "GROUNDWORK_IMAGES", "simulated"
FOLDER = "groundwork"  # of the repositories that components/registry makes


def images_of(settings: Settings, aws: AwsSettings, checkout: Path = CHECKOUT) -> Mapping[str, str]:
    """Name → reference by digest. Raises UserError where nobody names any and nothing is simulated."""
    if settings.images is not None:
        _check(settings.images)
        return settings.images
    if simulates():
        return simulated(settings.secrets.server).references(f"{registry(aws)}/{SIMULATED}")
    lock = read_lock(checkout)
    if lock is None:
        raise UserError(
            what="the environment has no images",
            where=str(LOCK),
            allowed="a lock that names each by digest, or groundwork:images: name → repository/name@sha256:…",
            fix="groundwork images lock, then: groundwork images mirror ENVIRONMENT (docs/images.md)",
        )
    if lock.simulated:
        raise UserError(
            what="the lock is simulated: no image has its digests",
            where=str(LOCK),
            allowed="a lock whose digests a registry gave",
            fix=FIX,
        )
    return lock.references(f"{registry(aws)}/{FOLDER}")


def simulates() -> bool:
    """Whether this is a preview or a rehearsal, which have simulated digests and no signed bill of them."""
    return os.environ.get(VARIABLE) == SIMULATED


def registry(aws: AwsSettings) -> str:
    """The account's own."""
    return f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com"


def simulated(server: str) -> Lock:
    """For a run in which no container is started: right in form, derived from the names alone. `server`: of secrets."""
    from local.images.catalogue import names, usual

    chosen = [name for name in names() if name in {*usual(), server}]

    def digest(name: str) -> str:
        return f"sha256:{hashlib.sha256(f'{SIMULATED}/{name}'.encode()).hexdigest()}"

    return Lock(simulated=True, images={name: Locked(source=BUILT, digest=digest(name)) for name in chosen})


def _check(images: Mapping[str, str]) -> None:
    for name, reference in images.items():
        if not is_by_digest(reference):
            raise UserError(
                what=f"image {name}: {reference!r} is not by digest",
                where="groundwork:images",
                allowed="repository/name@sha256:…",
            )
        if f"/{SIMULATED}/" in reference and not simulates():
            raise UserError(
                what=f"image {name}: {reference!r} is simulated and exists nowhere",
                where="groundwork:images",
                allowed="the reference of an image in the environment's registry",
            )
