"""What there is of each image, found without building anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from local.images import archive, catalogue
from local.images import base as bases
from local.images.archive import Archive
from local.images.build import Place, archive_file


class State(StrEnum):
    """How an image's archive stands to its inputs."""

    CURRENT = "current"
    OUTDATED = "outdated"
    MISSING = "not built"


@dataclass(frozen=True, kw_only=True)
class Status:
    """One image. `built`: its archive, of the present inputs or of earlier ones."""

    name: str
    state: State
    built: Archive | None

    @property
    def reference(self) -> str | None:
        """How pods name what is built."""
        return None if self.built is None else archive.reference(self.name, self.built.digest)


def survey(place: Place) -> list[Status]:
    """All images of the repository, in alphabetical order. Raises `UserError` for a wrong Dockerfile."""
    base = bases.present(place.paths.images / "base")
    found = catalogue.sources(catalogue.names(place.root), base.digest if base else "none", place.root)
    listed = []
    for source in found:
        if source.name == catalogue.BUILDER:
            continue
        built = archive.read(archive_file(place.paths, source.name))
        state = State.MISSING if built is None else State.CURRENT if built.key == source.key else State.OUTDATED
        listed.append(Status(name=source.name, state=state, built=built))
    return listed


def packages(place: Place) -> int:
    """How many Debian packages the base has; 0 where there is no base."""
    try:
        return len((place.paths.images / "base" / "packages.txt").read_text("utf-8").splitlines())
    except FileNotFoundError:
        return 0
