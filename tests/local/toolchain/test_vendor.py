from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

from local.paths import CHECKOUT
from local.toolchain import vendor_kubernetes_plugin, vendor_pulumi
from tests.local.toolchain.conftest import Machine

PLUGIN = "pulumi-resource-kubernetes"
SDK = metadata.version("pulumi-kubernetes")


def installed(home: Path, version: str) -> Path:
    """A plugin as the engine installs it."""
    file = home / "plugins" / f"resource-kubernetes-v{version}" / PLUGIN
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\x7fELF")
    file.chmod(0o755)
    return file


@pytest.fixture
def home() -> Path:
    return Path(os.environ["PULUMI_HOME"])


def test_the_official_engine_is_found(machine: Machine) -> None:
    assert vendor_pulumi() is None
    path = machine.says("pulumi", "v3.250.0")
    assert vendor_pulumi() == path


@pytest.mark.parametrize("text", ["v3.199.9", "v2.300.0", "v4.0.0", "v3.260.0-alpha.1"])
def test_an_engine_that_does_not_fit_is_passed_over(machine: Machine, text: str) -> None:
    machine.says("pulumi", text)
    assert vendor_pulumi() is None


def test_our_own_engine_is_not_the_vendors(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    links = Path(os.environ["XDG_CACHE_HOME"]) / "groundwork" / "toolchain" / "bin"
    links.mkdir(parents=True)
    (links / "pulumi").symlink_to(machine.says("ours", "v3.259.0"))
    monkeypatch.setenv("PATH", f"{links}:{machine.path}")
    assert vendor_pulumi() is None


@pytest.mark.usefixtures("machine")
def test_an_installed_plugin_is_found_the_newest_first(home: Path) -> None:
    assert vendor_kubernetes_plugin() is None
    installed(home, SDK)
    major = SDK.split(".", maxsplit=1)[0]
    newest = installed(home, f"{major}.999.0")
    assert vendor_kubernetes_plugin() == newest


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("version", ["3.0.0", "4.0.0", "999.0.0", f"{SDK.split('.', maxsplit=1)[0]}.999.0-alpha.1"])
def test_a_plugin_that_the_sdk_cannot_use_is_passed_over(home: Path, version: str) -> None:
    installed(home, version)
    assert vendor_kubernetes_plugin() is None


@pytest.mark.usefixtures("machine")
def test_a_plugin_whose_download_did_not_end_is_passed_over(home: Path) -> None:
    folder = installed(home, SDK).parent
    folder.with_name(f"{folder.name}.partial").touch()
    assert vendor_kubernetes_plugin() is None


@pytest.mark.usefixtures("machine")
def test_a_plugin_that_cannot_be_run_is_passed_over(home: Path) -> None:
    installed(home, SDK).chmod(0o644)
    assert vendor_kubernetes_plugin() is None


def test_a_plugin_on_path_comes_first(machine: Machine, home: Path) -> None:
    installed(home, SDK)
    path = machine.path / PLUGIN
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    assert vendor_kubernetes_plugin() == path


def test_our_own_plugin_is_not_the_vendors(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this checkout's, nor one that another checkout put on PATH, nor a link to it."""
    machine.program(PLUGIN, "# exec python -m local.kubernetes_plugin\n")
    monkeypatch.setenv("PATH", f"{CHECKOUT / 'local' / 'kubernetes_plugin' / 'bin'}:{machine.path}")
    assert vendor_kubernetes_plugin() is None


def test_a_wrapper_script_around_the_vendors_is_the_vendors(machine: Machine) -> None:
    assert vendor_kubernetes_plugin() is None
    path = machine.program(PLUGIN, "import os; os.execv('/opt/pulumi/real', [])\n")
    assert vendor_kubernetes_plugin() == path
