"""Images of others, as images/catalog.yaml names them, and the digest of each that is run.  (docs/images.md)"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from components.documents import DocumentError, Model, StrictModel, read_document, read_text
from components.problems import as_user_error
from groundwork.errors import UserError

CATALOG, LOCK = Path("images/catalog.yaml"), Path("images/lock.yaml")
BUILT = "built here"
FIX = "groundwork images lock"

Name = Annotated[str, Field(pattern=r"^[a-z][-a-z0-9]{0,49}$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1)]


class Upstream(StrictModel):
    """An image of others. `repository`: with its registry, without a tag; `licence`: an SPDX expression."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+$")]
    version: Annotated[str, Field(pattern=r"^\w[\w.-]{0,127}$")]
    licence: Text
    why: Text

    @property
    def reference(self) -> str:
        """By tag, which is what a digest is asked by."""
        return f"{self.repository}:{self.version}"


class Chart(StrictModel):
    """A chart of others. `module`: the Go module that it comes with."""

    module: Text
    version: Text
    licence: Text
    why: Text


class Catalog(StrictModel):
    """What of others is run."""

    images: dict[Name, Upstream]
    charts: dict[Name, Chart]


class Locked(StrictModel):
    """One image. `source`: by tag where it is from, or that it is built here."""

    source: Text
    digest: Digest


class Lock(StrictModel):
    """Exactly what is run. `simulated`: the digests are of no image, and no real environment takes them."""

    simulated: bool
    images: dict[Name, Locked]

    def references(self, registry: str) -> Mapping[str, str]:
        """Name → by digest, in a registry that has them all."""
        return {name: f"{registry}/{name}@{one.digest}" for name, one in self.images.items()}

    def text(self) -> str:
        """As it stands in its file."""
        head = "# Written by `groundwork images lock`; do not edit.\n"
        return head + yaml.safe_dump(self.model_dump(mode="json"), sort_keys=True)


def read_catalog(checkout: Path) -> Catalog:
    """The catalog of a checkout. Raises UserError with file and line."""
    return _read(Catalog, checkout, CATALOG)


def read_lock(checkout: Path) -> Lock | None:
    """The lock of a checkout, None where it has none. Raises UserError: it is wrong, or not of this catalog."""
    if not (checkout / LOCK).exists():
        return None
    lock = _read(Lock, checkout, LOCK)
    wanted = {name: one.reference for name, one in read_catalog(checkout).images.items()}
    for name, reference in wanted.items():
        found = lock.images.get(name)
        if found is None or found.source != reference:
            seen = "does not have it" if found is None else f"has {found.source}"
            raise UserError(
                what=f"image {name}: the catalog has {reference}, the lock {seen}", where=str(LOCK), fix=FIX
            )
    return lock


def _read(model: type[Model], checkout: Path, file: Path) -> Model:
    try:
        return read_document(model, read_text(checkout / file, str(file)), str(file))
    except DocumentError as error:
        raise as_user_error(error) from None
