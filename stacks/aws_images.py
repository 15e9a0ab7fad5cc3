"""The images of an AWS environment: its settings' own, by digest; simulated ones in a preview.  (docs/aws.md)"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from components.units import is_by_digest
from groundwork.errors import UserError
from stacks.aws_settings import AwsSettings
from stacks.settings import Settings

# What previews and rehearsals set. No image has such a digest, and the repository's name says so.
VARIABLE, SIMULATED = "GROUNDWORK_IMAGES", "simulated"


def images_of(settings: Settings, aws: AwsSettings) -> Mapping[str, str]:
    """Name → reference by digest. Raises UserError where the settings give none and nothing is simulated."""
    if settings.images is not None:
        _check(settings.images)
        return settings.images
    if os.environ.get(VARIABLE) == SIMULATED:
        return simulated(aws)
    raise UserError(
        what="the environment has no images",
        where="groundwork:images",
        allowed="name → repository/name@sha256:…, in the environment's registry",
        fix="push the images there and write their references into the settings (docs/aws.md)",
    )


def simulated(aws: AwsSettings) -> Mapping[str, str]:
    """References for a run in which no container is started: right in form, in a repository that does not exist."""
    from local.images.catalogue import names

    registry = f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com/{SIMULATED}"
    return {
        name: f"{registry}/{name}@sha256:{hashlib.sha256(f'{SIMULATED}/{name}'.encode()).hexdigest()}"
        for name in names()
    }


def _check(images: Mapping[str, str]) -> None:
    for name, reference in images.items():
        if not is_by_digest(reference):
            raise UserError(
                what=f"image {name}: {reference!r} is not by digest",
                where="groundwork:images",
                allowed="repository/name@sha256:…",
            )
        if f"/{SIMULATED}/" in reference and os.environ.get(VARIABLE) != SIMULATED:
            raise UserError(
                what=f"image {name}: {reference!r} is simulated and exists nowhere",
                where="groundwork:images",
                allowed="the reference of an image in the environment's registry",
            )
