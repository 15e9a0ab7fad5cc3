from __future__ import annotations

import pytest

from local.toolchain import pins
from local.toolchain.programs import PROGRAMS
from local.toolchain.survey import Origin, survey
from local.toolchain.versions import Version
from tests.local.toolchain.conftest import Machine


def test_a_program_on_path_that_fits_is_taken(machine: Machine) -> None:
    pin = pins.version(PROGRAMS["kubectl"].pin)
    path = machine.says("kubectl", f"Client Version: v{pin.major}.{pin.minor - 1}.0")
    (found,) = survey(["kubectl"], machine.toolchain)
    assert (found.origin, found.path) == (Origin.PATH, path)
    assert found.version == Version(pin.major, pin.minor - 1, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kubectl", "Client Version: v1.20.2"),
        ("kubelet", "Kubernetes v1.35.9"),
        ("etcd", "etcd Version: 3.5.16"),
        ("helm", "v3.19.0"),
        ("pulumi", "v3.199.0"),
        ("pulumi", "v4.0.0"),
        ("etcd", "error: no version"),
    ],
)
def test_a_program_that_does_not_fit_is_passed_over_and_named(machine: Machine, name: str, text: str) -> None:
    path = machine.says(name, text)
    (found,) = survey([name], machine.toolchain)
    assert found.origin is Origin.MISSING
    assert found.refused[0].startswith(f"{path} (")


@pytest.mark.parametrize(
    "body",
    ["import sys; print('v3.6.8'); sys.exit(1)", "import os; os.abort()", "raise SystemExit('v3.6.8')"],
    ids=["fails", "crashes", "complains"],
)
def test_a_broken_program_on_path_is_passed_over(machine: Machine, body: str) -> None:
    machine.program("etcd", body)
    assert survey(["etcd"], machine.toolchain)[0].origin is Origin.MISSING


def test_programs_that_speak_to_each_other_are_taken_from_path_all_or_none(machine: Machine) -> None:
    names = ["containerd", "containerd-shim-runc-v2", "ctr"]
    machine.says("containerd", "containerd containerd.io v2.1.4 75cb2b7")
    machine.says("ctr", "ctr containerd.io v2.1.4")
    assert {one.origin for one in survey(names, machine.toolchain)} == {Origin.MISSING}
    machine.says("containerd-shim-runc-v2", "Version: v2.1.3")
    assert {one.origin for one in survey(names, machine.toolchain)} == {Origin.MISSING}
    machine.says("containerd-shim-runc-v2", "Version: v2.1.4")
    assert {one.origin for one in survey(names, machine.toolchain)} == {Origin.PATH}


def test_our_own_folder_of_links_on_path_is_not_taken_for_the_machines(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = machine.toolchain / "bin"
    links.mkdir(parents=True)
    (links / "etcd").symlink_to(machine.says("elsewhere", f"{pins.version(PROGRAMS['etcd'].pin)}"))
    monkeypatch.setenv("PATH", f"{links}:{machine.path}")
    assert survey(["etcd"], machine.toolchain)[0].origin is Origin.MISSING


def test_an_unknown_name_is_refused(machine: Machine) -> None:
    with pytest.raises(ValueError, match="no such program: nonsense; known: etcd, "):
        survey(["nonsense"], machine.toolchain)
