"""The shares of the unseal key: each in a file of its own, mode 0600, in a place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_atomically

NEW = ".new"


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Where each share is kept. `threshold`: how many unseal.

    Places that people name belong on different media, of different people; a share that its keeper has taken away is
    put back for the moment of an unseal.
    """

    files: tuple[Path, ...]
    threshold: int

    def __post_init__(self) -> None:
        if len(set(self.files)) != len(self.files):
            raise UserError(what="two shares have one place", allowed="a file of its own for each")
        # OpenBao takes one share alone, with a threshold of one; two of which one is enough would be no protection.
        least = 1 if len(self.files) == 1 else 2
        if not least <= self.threshold <= len(self.files):
            raise UserError(
                what=f"a threshold of {self.threshold} for {len(self.files)} shares",
                allowed=f"{least} to {len(self.files)}",
            )

    @classmethod
    def below(cls, folder: Path, count: int, threshold: int) -> Shares:
        """Places for one machine alone: a folder for each share."""
        files = tuple(folder / f"share-{number}" / "key" for number in range(1, count + 1))
        return cls(files=files, threshold=threshold)

    def write(self, keys: Sequence[str], suffix: str = "") -> None:
        """Keep new shares. Raises UserError rather than write over one that is there."""
        if len(keys) != len(self.files):
            raise ValueError("as many shares as places")
        places = [file.with_name(file.name + suffix) for file in self.files]
        for place in places:
            if place.exists():
                raise UserError(what="there is a share already", where=str(place), fix="move it to a safe place first")
        for place, key in zip(places, keys, strict=True):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(place, f"{key}\n", mode=0o600)

    def replace(self) -> None:
        """Put what was written with `NEW` in the places of what is there."""
        for file in self.files:
            file.with_name(file.name + NEW).replace(file)

    def discard(self, suffix: str = NEW) -> None:
        """Take away what a rekey that did not end has left, or (with no suffix) shares that open nothing."""
        for file in self.files:
            file.with_name(file.name + suffix).unlink(missing_ok=True)

    def present(self) -> Iterator[str]:
        """The shares whose files can be read now, in order."""
        for file in self.files:
            try:
                yield file.read_text("utf-8").strip()
            except FileNotFoundError:
                continue

    def enough(self) -> list[str]:
        """As many shares as unseal. Raises UserError where fewer are there; it names the places, never a share."""
        found = list(self.present())[: self.threshold]
        if len(found) < self.threshold:
            missing = [str(file) for file in self.files if not file.exists()]
            raise UserError(
                what=f"{len(found)} of the {self.threshold} shares that unseal are there",
                where=", ".join(missing),
                fix="put missing shares in their places, or name the places with --share",
            )
        return found
