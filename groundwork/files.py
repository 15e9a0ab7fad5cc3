"""Files that are either the old or the new content, whenever a run is killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(file: Path, text: str, *, mode: int = 0o644) -> None:
    """Write `text` beside `file` and rename it there; the file is never half written. `mode`: permission bits."""
    write_bytes_atomically(file, text.encode("utf-8"), mode=mode)


def write_bytes_atomically(file: Path, content: bytes, *, mode: int = 0o644) -> None:
    """The same, for content that is no text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
