"""Building as far as no root is needed: names for a simulated node, checks, settings, the base's age."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from local import machine
from local.images import base, settings, survey
from local.images.build import Place, archive_file, archives, check, name_without_building, record
from local.paths import Paths
from tests.local.images.repository import make
from tests.local.images.test_archive import write


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(paths=Paths(cache=tmp_path / "cache", data=tmp_path / "data"), root=make(tmp_path / "repo"))


def test_a_simulated_name_says_so_and_follows_the_inputs(place: Place) -> None:
    first = name_without_building(["hello"], place.paths, place.root)
    assert first["hello"].startswith("localhost/groundwork/simulated/hello@sha256:")
    assert json.loads(place.paths.image_digests.read_text("utf-8")) == first
    assert name_without_building(["hello"], place.paths, place.root) == first
    (place.root / "src/app/main.py").write_text("changed", "utf-8")
    assert name_without_building(["hello"], place.paths, place.root) != first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"other": "localhost/groundwork/other@sha256:00"}'])
def test_the_record_keeps_other_images_and_survives_damage(place: Place, content: str) -> None:
    place.paths.data.mkdir()
    place.paths.image_digests.write_text(content, "utf-8")
    record({"hello": "reference"}, place.paths)
    written = json.loads(place.paths.image_digests.read_text("utf-8"))
    assert written.pop("hello") == "reference"
    assert written == (json.loads(content) if content.startswith('{"other') else {})


def test_without_root_there_is_one_clear_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UserError, match="root") as caught:
        archives(["hello"], place, PlainProgress())
    assert "--simulated" in (caught.value.fix or "")


def test_missing_programs_are_named(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="mmdebstrap, buildah"):
        check(place.paths)


@pytest.mark.parametrize(("free", "enough"), [(4096, True), (2048, False), (10, False)])
def test_a_full_disk_is_told_before_anything_starts(
    place: Place, monkeypatch: pytest.MonkeyPatch, free: int, enough: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=free * machine.MIB))
    if enough:
        check(place.paths)
        return
    with pytest.raises(UserError, match=f"{free} MiB are") as caught:
        check(place.paths)
    assert caught.value.where == str(place.paths.images)


def test_the_survey_tells_what_is_built(place: Place) -> None:
    (one,) = survey.survey(place)
    assert (one.name, one.state, one.reference) == ("hello", survey.State.MISSING, None)
    archive_file(place.paths, "hello").parent.mkdir(parents=True)
    digest = write(archive_file(place.paths, "hello"))
    (one,) = survey.survey(place)
    assert (one.state, one.reference) == (survey.State.OUTDATED, f"localhost/groundwork/hello@{digest}")


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "many", "4000", "٣"])
def test_an_age_is_whole_days(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(base.MAX_AGE_VARIABLE, text)
    with pytest.raises(UserError, match="is not an age"):
        base.max_age()


def _old_base(folder: Path) -> base.Base:
    made = base.Base(recipe=base.recipe(), digest="ab" * 32, made=datetime(2020, 1, 1, tzinfo=UTC))
    folder.mkdir()
    made.file(folder).touch()
    (folder / "base.json").write_text(made.model_dump_json(), "utf-8")
    return made


def _unreachable(*_arguments: object) -> base.Base:
    raise UserError(what="no network")


def test_an_old_base_serves_where_none_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _old_base(tmp_path / "base")
    monkeypatch.setattr(base, "_make", _unreachable)
    assert base.ensure(tmp_path / "base", tmp_path / "work", 0, PlainProgress()) == old
    assert "2020-01-01 and could not be renewed" in capsys.readouterr().err
    with pytest.raises(UserError, match="no network"):
        base.ensure(tmp_path / "base", tmp_path / "work", 0, PlainProgress(), renew=True)


def test_a_base_of_another_recipe_or_without_its_file_is_none(tmp_path: Path) -> None:
    old = _old_base(tmp_path / "base")
    assert base.present(tmp_path / "base") == old
    (tmp_path / "base/base.json").write_text(old.model_copy(update={"recipe": "x"}).model_dump_json(), "utf-8")
    assert base.present(tmp_path / "base") is None
    (tmp_path / "base/base.json").write_text(old.model_dump_json(), "utf-8")
    old.file(tmp_path / "base").unlink()
    assert base.present(tmp_path / "base") is None


def test_build_steps_see_the_index_and_the_authorities_but_nothing_else() -> None:
    host = {"PIP_INDEX_URL": "https://index.example.com", "PIP_FIND_LINKS": "/host/only", "TOKEN": "secret"}
    seen = settings.step_environment(host, bundle=True)
    assert seen["PIP_INDEX_URL"] == "https://index.example.com"
    assert seen["PIP_CERT"] == settings.IMAGE_BUNDLE
    assert seen["SOURCE_DATE_EPOCH"] == "0"
    assert not {"TOKEN", "PIP_FIND_LINKS"} & set(seen)


def test_the_configuration_is_for_this_user_only_and_keeps_odd_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    monkeypatch.setenv("PIP_INDEX_URL", 'https://user:p"w\\@index.example.com')
    env = settings.write(tmp_path, graph=tmp_path / 'odd "name"', run=tmp_path / "run")
    containers = tomllib.loads(Path(env["CONTAINERS_CONF"]).read_text("utf-8"))
    storage = tomllib.loads(Path(env["CONTAINERS_STORAGE_CONF"]).read_text("utf-8"))
    assert 'PIP_INDEX_URL=https://user:p"w\\@index.example.com' in containers["containers"]["env"]
    assert storage["storage"]["graphroot"] == str(tmp_path / 'odd "name"')
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.*")} == {0o600}
