from pathlib import Path

import pytest

from local.engine.workspace import POLICY_HOST, Engine, prepare_project
from local.paths import Paths


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: groundwork\n")
    (folder / "Pulumi.local.yaml").write_text("config:\n  groundwork:a: 1\n")
    return folder


def test_the_salt_of_the_copy_outlives_a_change_of_the_settings(tmp_path: Path, checkout: Path) -> None:
    copy = prepare_project(tmp_path / "copy", "local", checkout) / "Pulumi.local.yaml"
    copy.write_text(copy.read_text() + "encryptionsalt: v1:abc\n")
    (checkout / "Pulumi.local.yaml").write_text("config:\n  groundwork:a: 2\n")
    prepare_project(tmp_path / "copy", "local", checkout)
    assert copy.read_text() == "config:\n  groundwork:a: 2\nencryptionsalt: v1:abc\n"


def test_a_salt_in_the_checkout_wins(tmp_path: Path, checkout: Path) -> None:
    (checkout / "Pulumi.local.yaml").write_text("encryptionsalt: v1:theirs\n")
    copy = prepare_project(tmp_path / "copy", "local", checkout) / "Pulumi.local.yaml"
    copy.write_text("encryptionsalt: v1:ours\n")
    prepare_project(tmp_path / "copy", "local", checkout)
    assert copy.read_text() == "encryptionsalt: v1:theirs\n"


def test_what_the_user_has_installed_goes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    paths = Paths(cache=tmp_path / "cache", data=tmp_path / "data")
    engine = Engine(pulumi=Path("/p/pulumi"), paths=paths, plugin=Path("/plugin"), tools=Path("/tools"))
    found = engine.environment()
    assert found["PATH"] == f"/usr/bin:/tools:/plugin:{POLICY_HOST}"
    assert found["PULUMI_BACKEND_URL"] == (tmp_path / "data" / "state").as_uri()
    assert found["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(paths.passphrase)


def test_the_engines_home_is_the_users_whatever_passwd_says_but_for_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    engine = Engine(pulumi=Path("/p/pulumi"), paths=Paths(cache=tmp_path, data=tmp_path / "data"), plugin=None)
    home = Path(engine.environment()["PULUMI_HOME"])
    for _ in range(2):
        engine.make_folders()
        assert (home / "plugins").resolve() == tmp_path / ".pulumi" / "plugins"
        assert (home / "logs").is_file()


def test_a_home_that_the_user_has_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_HOME", "/theirs")
    engine = Engine(pulumi=Path("/p/pulumi"), paths=Paths(cache=tmp_path, data=tmp_path), plugin=None)
    assert engine.environment()["PULUMI_HOME"] == "/theirs"


def test_tenants_are_found_whatever_a_killed_run_half_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "state").as_uri())
    folder = tmp_path / "state" / ".pulumi" / "stacks" / "groundwork"
    folder.mkdir(parents=True)
    for name in (
        "local.json",
        "local.json.bak",
        "local.globex.json",
        "local.acme.json",
        "local.acme.json.bak",
        "dev.acme.json",
    ):
        (folder / name).write_text("{}")
        (folder / f"{name}.attrs").write_text("")
    (folder / "local.initech.json123.tmp").write_text("{")
    engine = Engine(pulumi=Path("/p/pulumi"), paths=Paths(cache=tmp_path, data=tmp_path), plugin=None)
    assert engine.stacks_on("local") == ["local.acme", "local.globex"]


def test_no_state_means_no_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "state").as_uri())
    engine = Engine(pulumi=Path("/p/pulumi"), paths=Paths(cache=tmp_path, data=tmp_path), plugin=None)
    assert engine.stacks_on("local") == []


def test_a_backend_and_passphrase_of_the_user_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://theirs")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    paths = Paths(cache=tmp_path, data=tmp_path)
    found = Engine(pulumi=Path("/p/pulumi"), paths=paths, plugin=None).environment()
    assert found["PULUMI_BACKEND_URL"] == "s3://theirs"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in found
