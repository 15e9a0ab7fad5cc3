"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ManagedFile:
    """A file (or, with no content, a folder) that must exist as described. `mode`: permission bits."""

    path: Path
    mode: int
    content: bytes | None = None

    def differs(self) -> bool:
        """Whether the host has it otherwise."""
        try:
            found = self.path.lstat().st_mode & 0o7777
            current = None if self.content is None else self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return True
        return found != self.mode or current != self.content or (self.content is None and not self.path.is_dir())

    def apply(self) -> bool:
        """Make it so; true when something changed."""
        if not self.differs():
            return False
        if self.content is None:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(self.mode)
        else:
            write_atomic(self.path, self.content, self.mode)
        return True


def write_atomic(path: Path, content: bytes, mode: int) -> None:
    """Replace `path` in one step; a reader or a crash sees the old file or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
