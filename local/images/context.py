"""The build context: exactly the files that a Dockerfile copies. They are hashed and staged by the same walk.

Since an image is built from the staged copy alone, no file outside its inputs can have a part in it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError

FORMAT = "groundwork-image-1"  # change it when the way images are built changes what comes out
_LEFT_OUT = frozenset({"__pycache__", ".git"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file or link below the context. `path`: relative, with `/`; `link`: the target of a symbolic link."""

    path: str
    file: Path
    executable: bool
    link: str | None

    def describe(self) -> bytes:
        """What of it goes into the image: its kind, whether it runs, and its content's digest."""
        if self.link is not None:
            return b"link " + self.link.encode()
        digest = hashlib.sha256(self.file.read_bytes()).hexdigest().encode()
        return (b"program " if self.executable else b"file ") + digest


def entries(context: Path, sources: Sequence[str], *, where: str) -> list[Entry]:
    """All files that `sources` (paths or globs) name, sorted by path. Raises `UserError` for one that names none."""
    found: dict[str, Entry] = {}
    for source in sources:
        matches = _matches(context, source)
        if not matches:
            raise UserError(
                what=f"COPY source {source!r} does not exist below {context}",
                where=where,
                fix="create it, or correct the COPY line (sources are relative to the repository's root)",
            )
        for match in matches:
            found |= {entry.path: entry for entry in _walk(context, match, where)}
    return [found[path] for path in sorted(found)]


def input_key(dockerfile: bytes, args: Mapping[str, str], files: list[Entry]) -> str:
    """64 hex digits that change with any byte of the Dockerfile, the build arguments or the copied files."""
    total = hashlib.sha256(FORMAT.encode())
    rows = [("dockerfile", hashlib.sha256(dockerfile).digest())]
    rows += [(f"arg {name}", value.encode()) for name, value in sorted(args.items())]
    rows += [(f"path {entry.path}", entry.describe()) for entry in files]
    for name, value in rows:
        for part in (name.encode("utf-8", "surrogateescape"), value):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def stage(files: list[Entry], target: Path) -> None:
    """Copy the files below `target`, with the same modes whatever this machine's umask is."""
    target.mkdir(parents=True)
    for entry in files:
        place = target / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            place.symlink_to(entry.link)
            continue
        shutil.copyfile(entry.file, place)
        place.chmod(0o755 if entry.executable else 0o644)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)


def _matches(context: Path, source: str) -> list[Path]:
    relative = source.strip("/") or "."
    if any(mark in relative for mark in "*?["):
        return sorted(path for path in context.glob(relative) if not _left_out(path.relative_to(context)))
    path = context / relative
    return [path] if path.exists() or path.is_symlink() else []


def _left_out(path: Path) -> bool:
    return path.suffix == ".pyc" or not _LEFT_OUT.isdisjoint(path.parts)


def _walk(context: Path, path: Path, where: str) -> Iterator[Entry]:
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            if not _left_out(Path(child.name)):
                yield from _walk(context, child, where)
        return
    link = str(path.readlink()) if path.is_symlink() else None
    if link is not None and not path.resolve().is_relative_to(context.resolve()):
        raise UserError(what=f"{path.relative_to(context)} is a link that leaves the repository", where=where)
    if link is None and not path.is_file():
        raise UserError(what=f"{path.relative_to(context)} is neither a file nor a folder", where=where)
    executable = link is None and bool(path.stat().st_mode & 0o100)
    yield Entry(path=path.relative_to(context).as_posix(), file=path, executable=executable, link=link)
