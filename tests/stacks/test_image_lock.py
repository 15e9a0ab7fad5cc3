"""The catalog of others' images and charts, and a lock that belongs to it or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.units import is_by_digest
from groundwork.errors import UserError
from local.paths import CHECKOUT
from local.toolchain.programs import PINS
from stacks.aws_images import images_of
from stacks.image_lock import BUILT, CATALOG, LOCK, Lock, Locked, read_catalog, read_lock
from stacks.settings import from_file
from tests.command import copy_of_checkout

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_of_checkout(tmp_path)


def lock_of(checkout: Path, *, simulated: bool = False) -> Lock:
    """Of everything in the catalog, and one that is built here."""
    others = {name: Locked(source=one.reference, digest=DIGEST) for name, one in read_catalog(checkout).images.items()}
    return Lock(simulated=simulated, images={"agent-runtime": Locked(source=BUILT, digest=DIGEST), **others})


def write(checkout: Path, lock: Lock) -> None:
    (checkout / LOCK).write_text(lock.text())


def test_no_digest_stands_in_the_catalog() -> None:
    assert not re.search(r"sha256:[0-9a-f]{8}", (CHECKOUT / CATALOG).read_text())


def test_a_chart_has_the_version_that_is_built() -> None:
    """Of the module that its pin names."""
    charts = read_catalog(CHECKOUT).charts
    assert set(charts) == {"istio", "external-secrets", "gatekeeper"}
    for name, chart in charts.items():
        assert f"{chart.module} {chart.version}" in (PINS / name / "go.mod").read_text()


def test_a_lock_is_read_as_it_was_written(checkout: Path) -> None:
    assert read_lock(checkout) is None
    write(checkout, lock_of(checkout))
    assert read_lock(checkout) == lock_of(checkout)


def test_a_real_environment_takes_its_images_from_the_lock(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = from_file(checkout / "Pulumi.prod.yaml")
    assert settings.aws is not None
    monkeypatch.delenv("GROUNDWORK_IMAGES", raising=False)
    write(checkout, lock_of(checkout))
    found = images_of(settings, settings.aws, checkout)
    assert set(found) == set(lock_of(checkout).images)
    for name, reference in found.items():
        assert is_by_digest(reference)
        assert reference.endswith(f".amazonaws.com/groundwork/{name}@{DIGEST}")


def test_a_simulated_lock_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = from_file(checkout / "Pulumi.prod.yaml")
    assert settings.aws is not None
    monkeypatch.delenv("GROUNDWORK_IMAGES", raising=False)
    write(checkout, lock_of(checkout, simulated=True))
    with pytest.raises(UserError, match="the lock is simulated"):
        images_of(settings, settings.aws, checkout)


def test_a_lock_of_another_catalog_is_refused(checkout: Path) -> None:
    write(checkout, lock_of(checkout))
    file = checkout / CATALOG
    version = read_catalog(checkout).images["grafana"].version
    file.write_text(file.read_text().replace(version, f"{version}-next"))
    with pytest.raises(UserError, match=rf"image grafana: the catalog has \S+-next, the lock has \S+:{version}"):
        read_lock(checkout)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "simulated: false\nimages: {grafana: {source: x, digest: latest}}\n",
            r"lock.yaml:2:31: images.grafana.digest",
        ),
        ("simulated: false\nimages: {}\n", "does not have it"),
        ("images: {}\n", "simulated"),
        ("simulated: false\nimages: {}\nextra: 1\n", "extra"),
    ],
)
def test_what_is_no_lock_is_refused(checkout: Path, text: str, wrong: str) -> None:
    (checkout / LOCK).write_text(text)
    with pytest.raises(UserError, match=wrong):
        read_lock(checkout)


def test_a_tag_in_the_repository_is_refused(checkout: Path) -> None:
    file = checkout / CATALOG
    file.write_text(file.read_text().replace("grafana/grafana\n", "grafana/grafana:latest\n"))
    with pytest.raises(UserError, match=r"catalog\.yaml"):
        read_catalog(checkout)
