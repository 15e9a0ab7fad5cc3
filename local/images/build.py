"""From Dockerfiles to references that a pod can use: base, build, archive, containerd."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import UserError
from groundwork.files import write_atomically
from local import machine
from local.images import archive, process, programs
from local.images import base as bases
from local.images.archive import REPOSITORY, Archive
from local.images.base import Base
from local.images.catalogue import BUILDER, Source, sources
from local.images.containerd import SOCKET, Containerd
from local.images.dockerfile import BASE_ARG, BUILDER_ARG
from local.images.store import Store
from local.paths import CHECKOUT, Paths
from local.toolchain import Toolchain, lock

PROGRAMS = ("mmdebstrap", "buildah", "setpriv", "unshare")
NEEDS_COLD = 3 * 1024 * machine.MIB
NEEDS_WARM = 1024 * machine.MIB
# What the node's own configuration names by tag; pods name images by digest only.
TAGGED = {"pause": "1"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where images are made from and loaded to. `root`: the repository; `socket`: the node's containerd."""

    paths: Paths = field(default_factory=Paths.for_user)
    root: Path = CHECKOUT
    socket: Path = SOCKET


def archive_file(paths: Paths, name: str) -> Path:
    """The archive of an image: one file a name, replaced when the image is built anew."""
    return paths.images / "archives" / f"{name}.tar"


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where images are made. `lock`: the descriptor of the lock that is held."""

    paths: Paths
    lock: int
    progress: Progress
    _opened: list[Store] = field(default_factory=list)

    def base(self, *, renew: bool = False) -> Base:
        """The base, made if need be."""
        if renew or bases.present(self.paths.images / "base") is None:
            check(self.paths)
        return bases.ensure(
            self.paths.images / "base", self.paths.images / "base-work", self.lock, self.progress, renew=renew
        )

    def built(self, source: Source) -> Archive | None:
        """The archive made from exactly these inputs, if there is one."""
        found = archive.read(archive_file(self.paths, source.name))
        return found if found is not None and found.key == source.key else None

    def make(self, source: Source, on: Base, builder: Source | None) -> Archive:
        """Build one image and write its archive."""
        store = self._store(on)
        args = {BASE_ARG: f"{REPOSITORY}/{on.tag}"}
        if builder is not None:
            self._into_store(builder, store, args)
            args[BUILDER_ARG] = f"{REPOSITORY}/{builder.tag}"
        self._into_store(source, store, args)
        return self._save(source, store)

    def _store(self, on: Base) -> Store:
        if not self._opened:
            check(self.paths)
            self._opened.append(Store.open(self.paths.images / "buildah", self.lock))
            bases.load(on, self.paths.images / "base", self._opened[0], self.progress)
        return self._opened[0]

    def _into_store(self, source: Source, store: Store, args: Mapping[str, str]) -> None:
        if store.has(source.tag):
            return
        programs.ensure(source.programs, self.paths.toolchain, self.progress)
        staged = store.tmp / f"context-{source.name}"
        with self.progress.step(f"Building image {source.name}") as step:
            store.build(source.recipe(staged, dict(args), self.paths.toolchain), source.tag, step)
        store.keep_only(source.name, source.tag)
        shutil.rmtree(staged)

    def _save(self, source: Source, store: Store) -> Archive:
        temporary, file = store.tmp / f"{source.name}.tar", archive_file(self.paths, source.name)
        named = f"{REPOSITORY}/{source.name}:{TAGGED[source.name]}" if source.name in TAGGED else None
        with self.progress.step(f"Writing image {source.name}"):
            store.save(source.tag, temporary, named=named)
        written = archive.read(temporary)
        if written is None or written.key != source.key:
            raise UserError(what=f"buildah wrote an archive that cannot be read back: {temporary}", where=source.where)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(file)
        return Archive(file=file, digest=written.digest, key=written.key, size=written.size)


@contextmanager
def workshop(paths: Paths, progress: Progress) -> Iterator[Workshop]:
    """Hold the lock of the image folder: one run builds at a time, others wait."""
    with lock.held(paths.images / ".lock", progress) as descriptor:
        yield Workshop(paths=paths, lock=descriptor, progress=progress)


def check(paths: Paths) -> None:
    """Raise `UserError` where this machine cannot build images: rights, programs or disk space are missing."""
    if os.geteuid() != 0:
        raise UserError(
            what="building images needs root", fix="run it as root, or use: groundwork up local --simulated"
        )
    process.need(PROGRAMS)
    cold = bases.present(paths.images / "base") is None
    need, free = (NEEDS_COLD if cold else NEEDS_WARM), machine.disk_free(paths.images)
    if free < need:
        raise UserError(
            what=f"building images needs {need // machine.MIB} MiB free, and {free // machine.MIB} MiB are",
            where=str(paths.images),
            fix="free some space there, or point XDG_CACHE_HOME at a larger disk",
        )


def archives(wanted: Sequence[str], place: Place, progress: Progress) -> dict[str, Archive]:
    """Have an archive of each wanted image, building those whose inputs changed."""
    with workshop(place.paths, progress) as shop:
        on = shop.base()
        listed = sources(wanted, on.digest, place.root)
        builder = next((source for source in listed if source.name == BUILDER), None)
        found: dict[str, Archive] = {}
        for source in listed:
            if source is not builder:
                made = shop.built(source) or shop.make(source, on, builder if source.needs_builder else None)
                found[source.name] = made
        return found


def refresh_base(place: Place, progress: Progress) -> tuple[str | None, str]:
    """Make the base anew; its digest before (None where there was none) and after."""
    old = bases.present(place.paths.images / "base")
    with workshop(place.paths, progress) as shop:
        return old.digest if old else None, shop.base(renew=True).digest


def build(
    wanted: Sequence[str], toolchain: Toolchain, progress: Progress, *, place: Place | None = None
) -> dict[str, str]:
    """Build the wanted images where their inputs changed, and load them into the node's containerd.

    Gives name → `localhost/groundwork/<name>@sha256:…`, which a pod can use with `imagePullPolicy: IfNotPresent`, and
    writes that to `Paths.image_digests`. Where no containerd is running, the archives are there and nothing is loaded.
    Raises `UserError` for what the user can mend: a wrong Dockerfile, a failed step, no root, no disk space.
    """
    here = place or Place()
    made = archives(wanted, here, progress)
    load(made, Containerd(ctr=toolchain.path("ctr"), socket=here.socket), progress)
    return record({name: archive.reference(name, one.digest) for name, one in made.items()}, here.paths)


def load(made: Mapping[str, Archive], node: Containerd, progress: Progress) -> None:
    """Load into the node what it does not have, and take superseded images of the same names away."""
    if not node.answers():
        progress.say("No containerd is running: images were built, not loaded")
        return
    for name, one in made.items():
        if not node.has(name, one.digest):
            with progress.step(f"Loading image {name} into the node"):
                node.load(name, one)
                node.prune(name, one.digest)


def record(references: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """Write references to `Paths.image_digests`, beside those that are there of other images."""
    try:
        known = json.loads(paths.image_digests.read_text("utf-8"))
    except (OSError, ValueError):
        known = {}
    kept = known if isinstance(known, dict) else {}
    write_atomically(paths.image_digests, json.dumps({**kept, **references}, indent=2, sort_keys=True) + "\n")
    return dict(references)


def name_without_building(wanted: Sequence[str], paths: Paths, root: Path = CHECKOUT) -> dict[str, str]:
    """References for a node that runs no containers: `localhost/groundwork/simulated/<name>@sha256:<input key>`.

    They change when an input changes, as real ones do, but no image of that digest exists anywhere.
    """
    listed = [source for source in sources(wanted, "simulated", root) if source.name != BUILDER]
    return record({one.name: archive.reference(f"simulated/{one.name}", f"sha256:{one.key}") for one in listed}, paths)
