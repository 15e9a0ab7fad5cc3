"""Images on the real node: built once, the same again, whatever happened to the run before."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local import toolchain
from local.images import build
from local.images.build import Place, archive_file
from local.images.containerd import KEPT, NAMESPACE, SOCKET, rows
from local.paths import CHECKOUT, Paths
from tests.local.images.repository import DOCKERFILE, make

pytestmark = pytest.mark.cluster

SLOW = DOCKERFILE.replace("CMD", "RUN sleep 6.25\nCMD")
CHILD = """
import sys
from pathlib import Path
from groundwork.console import PlainProgress
from local.images.build import Place, archives
from local.paths import Paths
cache, data, root = map(Path, sys.argv[1:])
archives(["hello"], Place(paths=Paths(cache=cache, data=data), root=root), PlainProgress())
"""


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    return toolchain.ensure(["ctr"], progress=PlainProgress())


@pytest.fixture
def place(tmp_path: Path, tools: toolchain.Toolchain) -> Iterator[Place]:
    """A repository and an image folder of the test's own, with the base that this machine already has."""
    place = Place(paths=Paths(cache=tmp_path / "cache", data=tmp_path / "data"), root=make(tmp_path / "repo"))
    base = Paths.for_user().images / "base"
    if base.is_dir():
        shutil.copytree(base, place.paths.images / "base")
    yield place
    made = set(_names(tools, place))
    listed = rows(_ctr(tools, place, "images", "list").splitlines())
    digests = {row.digest for row in listed if row.name in made}
    # By digest, since the CRI plugin keeps a second record of each image.
    names = [row.name for row in listed if row.digest in digests]
    if names:
        _ctr(tools, place, "images", "remove", *names)


def _ctr(tools: toolchain.Toolchain, place: Place, *words: str) -> str:
    command = [str(tools.path("ctr")), "--address", str(place.socket), "--namespace", NAMESPACE, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _names(tools: toolchain.Toolchain, place: Place) -> list[str]:
    return _ctr(tools, place, "images", "list", "--quiet", "name~=^localhost/groundwork/hello@").split()


def processor() -> float:
    """Seconds of processor that this process and its children took: on a busy machine the clock says little."""
    return sum(os.times()[:4])


def _running(word: str) -> list[str]:
    listed = subprocess.run(["ps", "-ww", "-e", "-o", "args"], check=True, capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if word in line]


def test_unchanged_inputs_build_and_load_nothing(
    place: Place, tools: toolchain.Toolchain, capsys: pytest.CaptureFixture[str]
) -> None:
    first = build(["hello"], tools, PlainProgress(), place=place)
    assert "Building image hello" in capsys.readouterr().err
    assert _names(tools, place) == list(first.values())
    written = archive_file(place.paths, "hello").stat().st_mtime_ns
    before = processor()
    assert build(["hello"], tools, PlainProgress(), place=place) == first
    assert processor() - before < 5
    assert archive_file(place.paths, "hello").stat().st_mtime_ns == written
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_the_same_inputs_give_the_same_digest_from_nothing(place: Place, tools: toolchain.Toolchain) -> None:
    first = build(["hello"], tools, PlainProgress(), place=place)
    for folder in ("buildah", "archives"):
        shutil.rmtree(place.paths.images / folder)
    (place.root / "src/app/main.py").touch()
    assert build(["hello"], tools, PlainProgress(), place=place) == first


def test_a_killed_build_leaves_nothing_behind_and_goes_on(place: Place, tools: toolchain.Toolchain) -> None:
    make(place.root, SLOW)
    folder = str(place.paths.images)
    arguments = [str(place.paths.cache), str(place.paths.data), str(place.root)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], cwd=CHECKOUT)
    assert wait_until(lambda: bool(_running("-c sleep 6.25")), 90)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert wait_until(lambda: not _running("-c sleep 6.25") and not _running(folder), 60)
    assert folder not in Path("/proc/mounts").read_text("utf-8")
    assert list(build(["hello"], tools, PlainProgress(), place=place).values()) == _names(tools, place)


@pytest.mark.long
def test_a_broken_store_is_made_again(place: Place, tools: toolchain.Toolchain) -> None:
    first = build(["hello"], tools, PlainProgress(), place=place)
    (place.paths.images / "buildah/storage/overlay-layers/layers.json").write_text("{ broken", "utf-8")
    archive_file(place.paths, "hello").write_bytes(b"broken")
    assert build(["hello"], tools, PlainProgress(), place=place) == first


def test_a_failed_step_is_named_with_what_it_said(place: Place, tools: toolchain.Toolchain) -> None:
    make(place.root, DOCKERFILE.replace("CMD", "RUN echo out of luck; exit 3\nCMD"))
    with pytest.raises(UserError) as caught:
        build(["hello"], tools, PlainProgress(), place=place)
    assert caught.value.where == "images/hello/Dockerfile"
    assert "RUN echo out of luck; exit 3" in caught.value.what
    assert "out of luck" in caught.value.what.splitlines()
    assert not archive_file(place.paths, "hello").exists()


@pytest.mark.long
def test_superseded_images_go_and_the_last_ones_stay(place: Place, tools: toolchain.Toolchain) -> None:
    made: list[str] = []
    for number in range(KEPT + 3):
        (place.root / "src/app/main.py").write_text(f"print({number})\n", "utf-8")
        made += build(["hello"], tools, PlainProgress(), place=place).values()
    left = _names(tools, place)
    assert made[-1] in left
    assert len(left) == KEPT + 1
    assert set(left) <= set(made)


def test_without_a_node_the_archive_is_there(place: Place, tools: toolchain.Toolchain) -> None:
    nowhere = Place(paths=place.paths, root=place.root, socket=place.paths.data / "absent.sock")
    made = build(["hello"], tools, PlainProgress(), place=nowhere)
    assert archive_file(place.paths, "hello").is_file()
    assert _names(tools, place) == []
    assert place.socket == SOCKET
    assert build(["hello"], tools, PlainProgress(), place=place) == made
    assert _names(tools, place) == list(made.values())
