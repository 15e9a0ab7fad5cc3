"""Archives of tenants: what is packed comes back, and what was tampered with does not."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.tenants.archive import HEAD, MAX_FILES, DataReference, Head, pack, unpack

WHEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILES = {"tenant.yaml": "name: acme\ncostCentre: hotels\n", "agents/concierge.yaml": "kind: Agent\n"}
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def head(tenant: str = "acme") -> Head:
    return Head(tenant=tenant, environment="local", exported_at=WHEN)


def packed(files: Mapping[str, str] = FILES) -> bytes:
    return pack(head(), files)


def written(folder: Path, content: bytes) -> Path:
    file = folder / "a.tar.gz"
    file.write_bytes(content)
    return file


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """An archive of one's own making."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as made:
        for member, content in members:
            made.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return gzip.compress(raw.getvalue())


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as opened:
        return {info.name: (opened.extractfile(info) or io.BytesIO()).read() for info in opened}


def remade(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """The archive with other content of some files; None leaves one out."""
    merged = members(content) | dict(changes)
    return tar(*(member(name, data) for name, data in merged.items() if data is not None))


@given(
    tenant=NAMES,
    settings=TEXT,
    agents=st.dictionaries(NAMES, TEXT, max_size=4),
    overrides=st.dictionaries(NAMES, VALUES, max_size=3),
)
def test_what_is_packed_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    tenant: str,
    settings: str,
    agents: dict[str, str],
    overrides: dict[str, object],
) -> None:
    files = {"tenant.yaml": settings} | {f"agents/{name}.yaml": text for name, text in agents.items()}
    data = (DataReference(kind="Secret", name="model-key", where="namespace acme"),)
    given_head = Head.model_validate(
        {"tenant": tenant, "environment": "local", "exportedAt": WHEN, "overrides": overrides, "data": data}
    )
    archive = unpack(written(tmp_path_factory.mktemp("a"), pack(given_head, files)))
    assert archive.files == files
    assert archive.head.model_copy(update={"files": {}}) == given_head


def test_the_same_tenant_gives_the_same_bytes() -> None:
    assert packed() == packed(dict(reversed(FILES.items())))


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    changed = remade(packed(), {"tenant.yaml": b"name: acme\ncostCentre: mine\n"})
    with pytest.raises(UserError, match=r"tenant\.yaml was changed"):
        unpack(written(tmp_path, changed))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"agents/more.yaml": b""}, "differ: agents/more.yaml"),
        ({"agents/concierge.yaml": None}, "differ: agents/concierge.yaml"),
        ({HEAD: None}, f"has no {HEAD}"),
        ({HEAD: b"{}"}, "tenant: Field required"),
        ({HEAD: b"not json"}, "Invalid JSON"),
        ({"../evil": b""}, "holds '../evil'"),
        ({"/etc/passwd": b""}, "holds '/etc/passwd'"),
        ({"agents/../../evil.yaml": b""}, "holds 'agents/../../evil.yaml'"),
        ({"agents/UPPER.yaml": b""}, "holds 'agents/UPPER.yaml'"),
        ({"agents/a.yaml/b.yaml": b""}, "holds"),
        ({"agents/a.sh": b""}, "holds 'agents/a.sh'"),
    ],
)
def test_content_that_export_would_not_write_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], what: str
) -> None:
    with pytest.raises(UserError) as caught:
        unpack(written(tmp_path, remade(packed(), changes)))
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    [
        member("tenant.yaml", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("tenant.yaml", type=tarfile.LNKTYPE, linkname="agents/a.yaml"),
        member("tenant.yaml", type=tarfile.CHRTYPE),
        member("tenant.yaml", type=tarfile.FIFOTYPE),
        member("agents", type=tarfile.DIRTYPE),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, odd: tuple[tarfile.TarInfo, bytes]) -> None:
    with pytest.raises(UserError, match="which no tenant has"):
        unpack(written(tmp_path, tar(odd)))


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tenant\.yaml stands twice"):
        unpack(written(tmp_path, tar(member("tenant.yaml", b"a"), member("tenant.yaml", b"b"))))


def test_another_version_is_refused(tmp_path: Path) -> None:
    content = json.loads(members(packed())[HEAD]) | {"version": 2}
    with pytest.raises(UserError) as caught:
        unpack(written(tmp_path, remade(packed(), {HEAD: json.dumps(content).encode()})))
    assert "version" in str(caught.value)
    assert caught.value.allowed == "version 1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing of the kind",
        gzip.compress(b"not a tar"),
        packed()[:-20],
        gzip.compress(gzip.decompress(packed())[:700]),
    ],
    ids=["empty", "text", "no tar", "cut off", "a tar that is cut off"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError):
        unpack(written(tmp_path, content))


def test_one_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    bomb = tar(member("tenant.yaml", bytes(64 * 2**20)))
    assert len(bomb) < 2**20
    with pytest.raises(UserError, match="is too large"):
        unpack(written(tmp_path, bomb))


def test_too_many_and_too_long_files_are_refused(tmp_path: Path) -> None:
    many = tar(*(member(f"agents/a{number}.yaml") for number in range(MAX_FILES + 1)))
    for content in (many, tar(member("tenant.yaml", bytes(513 * 1024)))):
        with pytest.raises(UserError, match="is too large"):
            unpack(written(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        unpack(tmp_path / "absent.tar.gz")


@given(content=st.binary(max_size=2000))
def test_no_bytes_whatever_are_more_than_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for data in (content, gzip.compress(content)):
        with pytest.raises(UserError):
            unpack(written(tmp_path_factory.mktemp("b"), data))
