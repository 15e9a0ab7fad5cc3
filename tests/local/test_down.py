"""`down` of a node takes its volumes and the shares that open them, both or neither (decision 20)."""

from __future__ import annotations

import pytest

from local import node, record
from local.paths import Paths
from local.record import Record, Way
from local.up import down
from tests.local.node.quiet import Quiet


@pytest.fixture
def paths(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A user's folders after an `up` with the layer of secrets. No engine is there, and the node's own end is another
    test's (tests/cluster/test_node_down.py)."""
    monkeypatch.setattr(node, "down", lambda *_: [])
    folder = tmp_path_factory.mktemp("down")  # short: a node's sockets are below it
    found = Paths(cache=folder / "cache", data=folder / "data")
    for file in (
        found.volumes / "openbao/data-0/vault.db",
        found.openbao / "shares/share-1/key",
        found.openbao / "ca.key",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("kept")
    return found


@pytest.mark.parametrize("way", [Way.REAL, Way.SIMULATED])
def test_with_the_node_go_its_volumes_and_their_shares_and_nothing_else(paths: Paths, way: Way) -> None:
    paths.passphrase.write_text("another")
    record.write(paths, Record(way=way, stack="local", kubeconfig=paths.kubeconfig))
    assert down(paths, Quiet()) is not None
    assert [path for path in paths.data.rglob("*") if path.is_file()] == [paths.passphrase]


def test_where_nothing_is_known_to_be_up_shares_stay(paths: Paths) -> None:
    """They may open what a cluster keeps that was brought down before."""
    before = sorted(paths.data.rglob("*"))
    assert down(paths, Quiet()) is None
    assert sorted(paths.data.rglob("*")) == before


def test_a_node_that_does_not_go_keeps_what_its_volumes_need(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*_: object) -> list[str]:
        raise OSError("a mount is busy")

    monkeypatch.setattr(node, "down", stuck)
    record.write(paths, Record(way=Way.REAL, stack="local", kubeconfig=paths.kubeconfig))
    with pytest.raises(OSError, match="busy"):
        down(paths, Quiet())
    assert paths.volumes.is_dir()
    assert (paths.openbao / "shares/share-1/key").is_file()
    assert record.read(paths) is not None, "the next one goes on"
