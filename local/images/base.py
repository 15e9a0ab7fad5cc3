"""The Debian base that every image stands on: made by mmdebstrap, kept as a file, renewed when it is old."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from groundwork.console import Progress
from groundwork.errors import UserError
from groundwork.files import write_atomically
from local.images import process
from local.images.store import Recipe, Store

SUITE = "bookworm"
PACKAGES = ("usr-is-merged", "python3", "ca-certificates")
MAX_AGE_VARIABLE = "GROUNDWORK_BASE_MAX_AGE_DAYS"
MAX_AGE_DAYS = 30

_ROW = r"\${Package} \${Version} \${Architecture}\n"
# usr-is-merged and its hook keep perl out (30 MB); there are no recommended packages, manuals or translations. What
# mmdebstrap copies from this machine, its resolver and name, does not stay.
_OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--skip=output/dev",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    f"--include={','.join(PACKAGES)}",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--customize-hook=cd "$1" && rm -f etc/resolv.conf etc/hostname var/cache/debconf/*-old var/lib/dpkg/*-old',
    f'--customize-hook=dpkg-query --admindir="$1/var/lib/dpkg" -W -f "{_ROW}" > "$GROUNDWORK_PACKAGES"',
)


class Base(BaseModel):
    """The base that is there. `recipe`: what it was made by; `digest`: of its tar file; `made`: when it was renewed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    digest: str
    made: datetime

    @property
    def tag(self) -> str:
        """Its name in buildah's store."""
        return f"base:{self.digest[:12]}"

    def file(self, folder: Path) -> Path:
        """Its tar file."""
        return folder / f"{self.digest}.tar"


def recipe() -> str:
    """A digest of everything that decides what mmdebstrap makes, except the state of Debian's archive."""
    return hashlib.sha256("\0".join((SUITE, platform.machine(), *_OPTIONS)).encode()).hexdigest()


def max_age() -> timedelta:
    """How old a base may be, by the environment variable. Raises `UserError` for anything but whole days from 1."""
    text = os.environ.get(MAX_AGE_VARIABLE, str(MAX_AGE_DAYS))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3650:
        raise UserError(what=f"{text!r} is not an age", where=MAX_AGE_VARIABLE, allowed="whole days, 1 to 3650")
    return timedelta(days=int(text))


def present(folder: Path) -> Base | None:
    """The base in `folder`, whatever its age; None where there is none of today's recipe."""
    try:
        base = Base.model_validate_json((folder / "base.json").read_text("utf-8"))
    except (OSError, ValidationError):
        return None
    return base if base.recipe == recipe() and base.file(folder).is_file() else None


def ensure(folder: Path, scratch: Path, lock: int, progress: Progress, *, renew: bool = False) -> Base:
    """The base, made now if there is none, if it is too old, or when asked to `renew`.

    An old base goes on to serve where no new one can be made (no network): that is said, and is no error.
    """
    old = present(folder)
    if old is not None and not renew and datetime.now(UTC) - old.made <= max_age():
        return old
    try:
        return _make(folder, scratch, lock, progress)
    except UserError as error:
        if old is None or renew:
            raise
        progress.say(f"The base of the images is from {old.made:%Y-%m-%d} and could not be renewed:\n{error}")
        return old


def load(base: Base, folder: Path, store: Store, progress: Progress) -> None:
    """Have the base in buildah's store."""
    if store.has(base.tag):
        return
    context = store.tmp / "base"
    context.mkdir()
    try:
        os.link(base.file(folder), context / "base.tar")
        (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n", "utf-8")
        with progress.step("Loading the Debian base into the image builder") as step:
            store.build(Recipe(file=context / "Dockerfile", context=context, where="the base"), base.tag, step)
        store.keep_only("base", base.tag)
    finally:
        shutil.rmtree(context)


def _make(folder: Path, scratch: Path, lock: int, progress: Progress) -> Base:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    tar, packages = scratch / "base.tar", scratch / "packages.txt"
    env = {**os.environ, "SOURCE_DATE_EPOCH": "0", "TMPDIR": str(scratch), "GROUNDWORK_PACKAGES": str(packages)}
    with progress.step(f"Making a Debian {SUITE} base for images") as step:
        command = ["mmdebstrap", *_OPTIONS, SUITE, str(tar)]
        outcome = process.run(
            command,
            env=env,
            keep_open=(lock,),
            on_line=lambda line: step.update(line[3:]) if line.startswith("I: ") else None,
        )
    if outcome.code != 0:
        raise process.failed(
            "mmdebstrap could not make the base", outcome, fix="check that Debian's package archive can be reached"
        )
    with tar.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    base = Base(recipe=recipe(), digest=digest, made=datetime.now(UTC))
    tar.replace(base.file(folder))
    write_atomically(folder / "packages.txt", packages.read_text("utf-8"))
    write_atomically(folder / "base.json", base.model_dump_json(indent=2) + "\n")
    shutil.rmtree(scratch)
    for other in folder.glob("*.tar"):
        if other != base.file(folder):
            other.unlink()
    return base
