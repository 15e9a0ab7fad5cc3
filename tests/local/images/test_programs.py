"""Programs of the tool chain in images: by their pin's key, and built from the pin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from local.images import programs
from local.images.build import Place, name_without_building
from local.images.catalogue import Source, sources
from local.paths import Paths
from local.toolchain import PROGRAMS, pins
from tests.local.images.repository import DOCKERFILE, make

WITH = DOCKERFILE + "COPY programs/helm /usr/local/bin/helm\nCOPY programs/istio/envoy_bootstrap.json /etc/\n"


def source(root: Path, dockerfile: str = WITH) -> Source:
    return sources(["hello"], "base", make(root, dockerfile))[-1]


def put(one: programs.Copied, folder: Path, content: str) -> None:
    file = one.file(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")


def test_a_program_is_staged_from_the_tool_chain_as_a_program(tmp_path: Path) -> None:
    found = source(tmp_path / "repo")
    for one in found.programs:
        put(one, tmp_path / "toolchain", f"content of {one.path}")
    found.recipe(tmp_path / "staged", {}, tmp_path / "toolchain")
    staged = {path.name: path for path in (tmp_path / "staged/programs").rglob("*") if path.is_file()}
    assert {name: path.stat().st_mode & 0o777 for name, path in staged.items()} == {
        "helm": 0o755,
        "envoy_bootstrap.json": 0o644,
    }
    assert staged["helm"].read_text("utf-8") == "content of helm"
    assert (tmp_path / "staged/src/app/main.py").exists()


def test_the_key_follows_the_pin_and_not_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, before = source(tmp_path / "plain", DOCKERFILE).key, source(tmp_path / "repo").key
    put(source(tmp_path / "repo").programs[0], tmp_path / "toolchain", "anything")
    assert source(tmp_path / "repo").key == before != plain
    right = pins.key
    monkeypatch.setattr(pins, "key", lambda pin: "0" * 12 if pin.name == "helm" else right(pin))
    assert source(tmp_path / "repo").key != before
    assert source(tmp_path / "plain", DOCKERFILE).key == plain


def test_what_is_there_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("local.images.programs.build", lambda names, **_how: asked.append(tuple(names)))
    helm, template = source(tmp_path / "repo").programs
    put(helm, tmp_path / "toolchain", "built")
    programs.ensure([helm, template], tmp_path / "toolchain", PlainProgress())
    put(template, tmp_path / "toolchain", "kept")
    programs.ensure([helm, template], tmp_path / "toolchain", PlainProgress())
    istio = tuple(name for name, program in PROGRAMS.items() if program.pin.name == "istio")
    assert asked == [istio, ()]


@pytest.mark.parametrize("name", ["nothing", "istio", "istio/nothing", "istio/../helm", "", "helm/x", "nothing/helm"])
def test_what_no_pin_has_is_refused_with_what_there_is(tmp_path: Path, name: str) -> None:
    dockerfile = f"ARG BASE\nFROM ${{BASE}}\nCOPY programs/{name} /\n"
    with pytest.raises(UserError) as caught:
        source(tmp_path, dockerfile)
    assert (caught.value.where or "").startswith("images/hello/Dockerfile")
    if ".." not in name:
        assert {"helm", "istio/envoy_bootstrap.json"} <= set(re.split(", ", caught.value.allowed or ""))


def test_a_simulated_name_needs_no_program(tmp_path: Path) -> None:
    place = Place(paths=Paths(cache=tmp_path / "cache", data=tmp_path / "data"), root=make(tmp_path / "repo", WITH))
    assert "hello" in name_without_building(["hello"], place.paths, place.root)
    assert not place.paths.cache.exists()
