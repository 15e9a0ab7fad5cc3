"""The lock of all images that environments run, and their copies in a registry.  (docs/images.md)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from groundwork.console import Progress
from groundwork.errors import UserError
from local.images.build import Place
from local.images.catalogue import ON_DEMAND
from local.images.registries import Registries
from local.images.survey import State, Status, survey
from stacks.image_lock import BUILT, FIX, Catalog, Lock, Locked

TAG_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Copied:
    """An image in the registry that was asked for. `new`: it was not there; `signed`: it has been now."""

    name: str
    reference: str
    new: bool
    signed: bool = False


@dataclass(frozen=True, kw_only=True)
class Locking:
    """The images built at `place` and those of the catalog."""

    place: Place
    catalog: Catalog
    registries: Registries
    progress: Progress

    def lock(self) -> Lock:
        """Each image of others by the digest that its registry has today, each of ours by that of its archive.

        Raises UserError: one is not built of the present inputs, a registry does not answer or has no such tag.
        """
        built = [one for one in survey(self.place) if one.built or one.name not in ON_DEMAND]
        stale = " ".join(one.name for one in built if one.state is not State.CURRENT)
        if stale:
            raise UserError(what=f"not built of the present inputs: {stale}", fix=f"groundwork images build {stale}")
        found = {one.name: Locked(source=BUILT, digest=one.built.digest) for one in built if one.built}
        with self.progress.step("Digests of others' images") as step:
            for name, wanted in self.catalog.images.items():
                step.update(wanted.reference)
                digest = self.registries.digest(wanted.reference)
                if digest is None:
                    raise UserError(
                        what=f"image {name}: the registry has no {wanted.reference}",
                        where="images/catalog.yaml",
                        fix="correct its repository or version there",
                    )
                found[name] = Locked(source=wanted.reference, digest=digest)
        return Lock(simulated=False, images=found)

    def mirror(self, locked: Lock, registry: str, attest: Callable[[str], bool] | None = None) -> Iterator[Copied]:
        """Have every image of the lock in a registry, by digest; what is there stays. Run again, it goes on.

        `attest`: what is done with each copy by its reference; whether something was.

        Raises UserError: the lock is simulated or of other images, an archive is of another digest, a copy fails.
        """
        if locked.simulated:
            raise UserError(what="the lock is simulated: no image has its digests", fix=FIX)
        sources = self._sources(locked)
        with self.progress.step(f"Images into {registry}") as step:
            for name, source in sources.items():
                step.update(name)
                digest = locked.images[name].digest
                tag = digest.removeprefix("sha256:")[:TAG_DIGITS]
                new = self.registries.copy(source, f"{registry}/{name}:{tag}", digest)
                reference = f"{registry}/{name}@{digest}"
                signed = attest(reference) if attest is not None else False
                yield Copied(name=name, reference=reference, new=new, signed=signed)

    def _sources(self, locked: Lock) -> dict[str, str]:
        """Each image as skopeo names it; all are looked at before the first is copied."""
        built = {one.name: one for one in survey(self.place)}
        return {
            name: _archive(name, one.digest, built.get(name))
            if one.source == BUILT
            else f"docker://{self.catalog.images[name].repository}@{one.digest}"
            for name, one in sorted(locked.images.items())
        }


def _archive(name: str, digest: str, found: Status | None) -> str:
    if found is None or found.built is None or found.built.digest != digest:
        there = found.built.digest if found is not None and found.built is not None else "none"
        raise UserError(
            what=f"image {name}: the lock has {digest}, built is {there}",
            fix=f"{FIX}, or build the commit that the lock is of",
        )
    return f"oci-archive:{found.built.file}"
