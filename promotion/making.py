"""Makes a bill of what a checkout says and what was built for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from groundwork.errors import UserError
from promotion.bill import PARTS, Bill, folder_hash, hashes, sha256, source_commit


def make_bill(
    checkout: Path, author: str, now: datetime, images: Mapping[str, str], charts: Mapping[str, Path]
) -> Bill:
    """`images`: name → by digest; `charts`: name → its folder. Raises UserError for changes that are not committed."""
    if not images:
        raise UserError(what="there are no images to name", fix="groundwork images build")
    return Bill(
        author=author,
        made=now,
        source=source_commit(checkout),
        images=images,
        charts={name: folder_hash(folder) for name, folder in charts.items()},
        settings=hashes(checkout, PARTS["settings"]),
        policies=hashes(checkout, PARTS["policies"]),
        program=hashes(checkout, PARTS["program"]),
        sboms=_sboms(checkout, images),
    )


def built_images(file: Path) -> dict[str, str]:
    """The digests of the images that were built on this machine. Raises UserError."""
    try:
        found: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UserError(what="is no list of images", where=str(file), fix="groundwork images build")
    return {str(name): str(reference) for name, reference in found.items()}


def _sboms(checkout: Path, images: Mapping[str, str]) -> dict[str, str]:
    """Lists of components stand in images/sbom, an SPDX or CycloneDX document an image, where they were made."""
    found = {}
    for name in images:
        file = checkout / "images" / "sbom" / f"{name}.json"
        if file.is_file():
            found[name] = sha256(file.read_bytes())
    return found
