"""An archive says what it holds; a damaged or foreign one counts as none."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.images.archive import KEY_LABEL, read, reference

KEY = "ab" * 32


def write(file: Path, *, labels: dict[str, str] | None = None, layer: bytes = b"layer" * 500) -> str:
    """Write an OCI archive with one layer; the manifest's digest."""
    config = json.dumps({"config": {"Labels": {KEY_LABEL: KEY} if labels is None else labels}}).encode()
    parts = {f"sha256:{hashlib.sha256(data).hexdigest()}": data for data in (config, layer)}
    first, second = parts
    manifest = json.dumps(
        {"config": {"digest": first, "size": len(config)}, "layers": [{"digest": second, "size": len(layer)}]}
    ).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    parts[digest] = manifest
    with tarfile.open(file, "w") as tar:
        for name, data in {
            **{f"blobs/{name.replace(':', '/')}": data for name, data in parts.items()},
            "index.json": json.dumps({"manifests": [{"digest": digest}]}).encode(),
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return digest


def test_an_archive_gives_its_digest_and_key(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    digest = write(file)
    found = read(file)
    assert found is not None
    assert (found.digest, found.key, found.size) == (digest, KEY, file.stat().st_size)


def test_an_archive_cut_anywhere_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    write(file)
    whole = file.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in range(0, end, 97):
        file.write_bytes(whole[:length])
        assert read(file) is None, length


@pytest.mark.parametrize("labels", [{}, {"other": "label"}])
def test_an_image_without_our_key_is_not_ours(tmp_path: Path, labels: dict[str, str]) -> None:
    write(tmp_path / "x.tar", labels=labels)
    assert read(tmp_path / "x.tar") is None


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 4096])
def test_anything_else_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    assert read(tmp_path / "x.tar") is None
    assert read(tmp_path / "absent.tar") is None


@given(st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_a_reference_is_by_digest(hexadecimal: str) -> None:
    assert reference("x", f"sha256:{hexadecimal}") == f"localhost/groundwork/x@sha256:{hexadecimal}"


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", "sha512:" + "a" * 64, "sha256:" + "G" * 64])
def test_a_tag_is_no_digest(digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        reference("x", digest)
