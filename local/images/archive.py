"""An image as one file: an OCI archive, which says by itself what it was built from."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

REPOSITORY = "localhost/groundwork"
KEY_LABEL = "org.opencontainers.image.revision"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A built image. `digest`: of its manifest, `sha256:…`; `key`: its inputs; `size`: bytes, layers compressed."""

    file: Path
    digest: str
    key: str
    size: int


def reference(name: str, digest: str) -> str:
    """How a pod names the image. Raises `ValueError` for anything but a sha256 digest."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"not a digest: {digest!r}")
    return f"{REPOSITORY}/{name}@{digest}"


def read(file: Path) -> Archive | None:
    """What the archive holds; None where there is none, or it is damaged or not ours."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            digest = json.load(_member(tar, "index.json"))["manifests"][0]["digest"]
            manifest = json.load(_blob(tar, digest))
            key = json.load(_blob(tar, manifest["config"]["digest"]))["config"]["Labels"][KEY_LABEL]
            for layer in manifest["layers"]:
                if tar.getmember(_blob_path(layer["digest"])).size != layer["size"]:
                    return None
        return Archive(file=file, digest=digest, key=key, size=file.stat().st_size)
    except (OSError, tarfile.TarError, KeyError, IndexError, TypeError, ValueError):
        return None


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _blob(tar: tarfile.TarFile, digest: str) -> IO[bytes]:
    return _member(tar, _blob_path(digest))


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream
