"""Which images in containerd may go, and how its table is read."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from local.images.containerd import Containerd, Row, rows, superseded

ROWS = st.lists(
    st.builds(
        Row, name=st.just("n"), digest=st.uuids().map(lambda one: f"sha256:{one.hex * 2}"), imported=st.integers(0, 9)
    ),
    max_size=8,
)
TABLE = """\
REF                           TYPE                                       DIGEST        SIZE     PLATFORMS   LABELS
localhost/groundwork/x@sha256:aa application/vnd.oci.image.manifest.v1+json sha256:aa 56.2 MiB linux/amd64 \
groundwork.dev/imported=1700000000,io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned
sha256:cc                     application/vnd.oci.image.manifest.v1+json sha256:aa     56.2 MiB linux/amd64 \
io.cri-containerd.image=managed
example.com/y:1               application/vnd.oci.image.manifest.v1+json sha256:bb     1.0 KiB  -           -
"""


def test_the_table_of_images_is_read() -> None:
    assert rows(TABLE.splitlines()) == [
        Row(name="localhost/groundwork/x@sha256:aa", digest="sha256:aa", imported=1700000000),
        Row(name="sha256:cc", digest="sha256:aa", imported=0),
        Row(name="example.com/y:1", digest="sha256:bb", imported=0),
    ]


@given(ROWS, st.integers(0, 4))
def test_the_newest_stay_and_only_the_others_go(listed: list[Row], kept: int) -> None:
    gone = superseded(listed, kept)
    stay = [row for row in listed if row.digest not in gone]
    assert len(stay) == min(kept, len(listed))
    assert all(row.imported <= one.imported for row in listed if row.digest in gone for one in stay)


def test_a_dead_socket_is_no_containerd(tmp_path: Path) -> None:
    assert not Containerd(ctr=Path("/nonexistent/ctr"), socket=tmp_path / "absent.sock").answers()
    (tmp_path / "file.sock").write_text("", "utf-8")
    assert not Containerd(ctr=Path("/nonexistent/ctr"), socket=tmp_path / "file.sock").answers()
