"""The images of this repository: which there are, and what each is made from."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from local.images import context, dockerfile, programs
from local.images.archive import KEY_LABEL
from local.images.dockerfile import BASE_ARG, BUILDER_ARG
from local.images.store import Recipe
from local.paths import CHECKOUT

BUILDER = "builder"  # what other images install their packages in; no pod runs it
# Built where settings choose it or a person names it, and by nothing else: its licence is not everybody's.
ON_DEMAND = ("vault",)


def names(root: Path = CHECKOUT) -> tuple[str, ...]:
    """The images that pods can run, in alphabetical order."""
    folders = (file.parent.name for file in (root / "images").glob("*/Dockerfile"))
    return tuple(sorted(name for name in folders if name != BUILDER))


def usual(root: Path = CHECKOUT) -> tuple[str, ...]:
    """Those that are built where nobody names any."""
    return tuple(name for name in names(root) if name not in ON_DEMAND)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One image's inputs. `key`: 64 hex digits, another for any other input; `root`: the build context; `programs`:
    what it takes from the tool chain."""

    name: str
    key: str
    root: Path
    needs_builder: bool
    files: tuple[context.Entry, ...]
    programs: tuple[programs.Copied, ...]

    @property
    def tag(self) -> str:
        """Its name in buildah's store."""
        return f"{self.name}:{self.key[:12]}"

    @property
    def where(self) -> str:
        """Its Dockerfile, from the repository's root."""
        return f"images/{self.name}/Dockerfile"

    def recipe(self, staged: Path, args: dict[str, str], toolchain: Path) -> Recipe:
        """Stage the inputs below `staged` and say how to build them. `toolchain`: where its programs are built."""
        context.stage(list(self.files), staged)
        programs.stage(self.programs, toolchain, staged)
        labels = {
            "org.opencontainers.image.title": self.name,
            KEY_LABEL: self.key,
            "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
        }
        return Recipe(file=self.root / self.where, context=staged, where=self.where, args=args, labels=labels)


def sources(wanted: Sequence[str], base: str, root: Path = CHECKOUT) -> list[Source]:
    """The inputs of the wanted images on a base of this digest, what others are built with first.

    Raises `UserError` for a name that no Dockerfile has, and for a Dockerfile or a copied file that is wrong.
    """
    known = names(root)
    for name in wanted:
        if name not in known:
            raise UserError(
                what=f"no image is called {name!r}",
                where=str(root / "images"),
                allowed=", ".join(known) or "none: there is no images/<name>/Dockerfile",
            )
    found = [_source(name, base, root) for name in dict.fromkeys(wanted)]
    if any(source.needs_builder for source in found):
        found.insert(0, _source(BUILDER, base, root))
    return found


def _source(name: str, base: str, root: Path) -> Source:
    where = f"images/{name}/Dockerfile"
    read = dockerfile.read(root / where, where=where)
    args = {BASE_ARG: base, "arch": platform.machine(), "name": name}
    needs_builder = BUILDER_ARG in read.args
    if needs_builder:
        args[BUILDER_ARG] = _source(BUILDER, base, root).key
    copied = programs.find(read.sources, where=where)
    args |= {f"program {one.source}": one.key for one in copied}
    files = context.entries(root, [one for one in read.sources if not programs.is_program(one)], where=where)
    key = context.input_key((root / where).read_bytes(), args, files)
    return Source(name=name, key=key, root=root, needs_builder=needs_builder, files=tuple(files), programs=copied)
