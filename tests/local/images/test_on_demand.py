"""An image that is not for everybody is built and locked where somebody wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.images import names, usual
from local.images.build import Place
from local.images.locking import Locking
from local.images.registries import Registries
from local.paths import Paths
from stacks.image_lock import Catalog
from tests.local.node.quiet import Quiet


def test_nobody_who_does_not_name_it_builds_it() -> None:
    assert set(names()) - set(usual()) == {"vault"}


def test_the_lock_has_it_only_where_it_was_built(tmp_path: Path) -> None:
    for name in ("hello", "vault"):
        folder = tmp_path / "repo/images" / name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    place = Place(paths=Paths(cache=tmp_path / "cache", data=tmp_path / "data"), root=tmp_path / "repo")
    locking = Locking(place=place, catalog=Catalog(images={}, charts={}), registries=Registries(), progress=Quiet())
    with pytest.raises(UserError) as refused:
        locking.lock()
    assert refused.value.what == "not built of the present inputs: hello"
