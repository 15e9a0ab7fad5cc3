from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.toolchain import ENGINE, LOCAL_NODE, PROGRAMS, Toolchain, ensure, pins
from tests.local.toolchain.conftest import Machine

RUN = """
import sys
from pathlib import Path
from groundwork.console import PlainProgress
from local.toolchain import ensure
ensure(["etcd", "kwok"], progress=PlainProgress(), folder=Path(sys.argv[1]))
"""
CHECKOUT = Path(__file__).resolve().parents[3]


def have(machine: Machine, *names: str, output: io.StringIO | None = None) -> Toolchain:
    return ensure(names, progress=PlainProgress(output or io.StringIO()), folder=machine.toolchain)


def begin(machine: Machine) -> subprocess.Popen[str]:
    """Another process that builds, and hangs in the middle of its first program."""
    os.mkfifo(machine.go / "hold")
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(machine.toolchain)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_until(lambda: (machine.go / "holding").exists() and (machine.go / "holding").read_text() != "", 30)
    return process


def let_go(machine: Machine) -> None:
    """Let the held build go on, and do not hold those that come."""
    pipe, reader = machine.go / "hold", os.open(machine.go / "hold", os.O_RDWR)
    pipe.unlink()
    os.close(reader)


def leftovers(machine: Machine) -> list[str]:
    return [path.name for path in machine.toolchain.iterdir() if path.name.startswith((".build-", ".link-", ".go-"))]


def test_what_is_missing_is_built_from_its_pin(machine: Machine) -> None:
    tools = have(machine, "containerd", "etcd")
    assert machine.built() == [PROGRAMS["etcd"].package, PROGRAMS["containerd"].package]
    call = machine.calls()[1]
    assert call[1] == "containerd"
    assert {"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOTOOLCHAIN=local", "GOWORK=off"} <= set(call)
    assert {"-trimpath", "-buildvcs=false", "no_btrfs,no_devmapper,no_zfs"} <= set(call)
    assert pins.ldflags(PROGRAMS["containerd"].pin) in call
    assert tools.path("etcd") == pins.folder(PROGRAMS["etcd"].pin, machine.toolchain) / "etcd"
    assert subprocess.check_output([tools.bin_dir / "etcd"], text=True) == "whole\n"
    assert leftovers(machine) == []


def test_what_a_pin_keeps_stands_beside_its_programs(machine: Machine) -> None:
    pin = PROGRAMS["pilot-agent"].pin
    have(machine, "pilot-agent")
    folder = pins.folder(pin, machine.toolchain)
    assert (folder / "charts/istiod/Chart.yaml").read_text() == "charts/istiod"
    assert (folder / "charts/istiod/Chart.yaml").stat().st_mode & 0o777 == 0o644
    assert (folder / "envoy_bootstrap.json").read_text() == "envoy_bootstrap.json"
    have(machine, "pilot-agent", "pilot-discovery")
    assert machine.built() == [PROGRAMS["pilot-agent"].package, PROGRAMS["pilot-discovery"].package]
    assert leftovers(machine) == []


def test_a_pinned_program_is_built_whatever_is_on_path(machine: Machine) -> None:
    machine.says("helm", f"v{pins.version(PROGRAMS['helm'].pin)}")
    assert have(machine, "helm").path("helm") == machine.path / "helm"
    tools = ensure(["helm"], progress=PlainProgress(io.StringIO()), folder=machine.toolchain, pinned=True)
    assert tools.path("helm") == pins.folder(PROGRAMS["helm"].pin, machine.toolchain) / "helm"
    assert (tools.bin_dir / "helm").readlink() == machine.path / "helm"


def test_a_second_time_nothing_is_built(machine: Machine) -> None:
    have(machine, *LOCAL_NODE, *ENGINE)
    before = machine.built()
    shown = io.StringIO()
    have(machine, *LOCAL_NODE, *ENGINE, output=shown)
    assert len(before) == len({*LOCAL_NODE, *ENGINE})
    assert machine.built() == before
    assert shown.getvalue() == ""


def test_it_shows_which_program_how_many_and_how_long(machine: Machine) -> None:
    shown = io.StringIO()
    have(machine, "etcd", "kwok", output=shown)
    first, second = shown.getvalue().splitlines()
    assert first.startswith(f"✓ Building etcd {pins.version_text(PROGRAMS['etcd'].pin)} – 1 of 2")
    assert second.startswith("✓ Building kwok")
    assert first.endswith(" s)")


def test_sources_of_the_next_programs_are_fetched_while_one_is_built(machine: Machine) -> None:
    process = begin(machine)
    assert wait_until(lambda: machine.fetched() == [PROGRAMS["kwok"].package], 30)
    let_go(machine)
    _, said = process.communicate()
    assert process.returncode == 0, said


def test_what_is_still_fetched_at_the_end_is_not_waited_for(machine: Machine) -> None:
    os.mkfifo(machine.go / "slow")
    have(machine, "etcd", "kwok", "containerd")
    assert machine.built() == [PROGRAMS[name].package for name in ("etcd", "containerd", "kwok")]
    assert leftovers(machine) == []


def test_the_machines_own_program_is_linked_and_not_built(machine: Machine) -> None:
    path = machine.says("pulumi", "v3.300.1")
    tools = have(machine, "pulumi")
    assert machine.built() == []
    assert tools.path("pulumi") == path
    assert (tools.bin_dir / "pulumi").readlink() == path


def test_a_link_follows_the_program(machine: Machine) -> None:
    have(machine, "pulumi")
    path = machine.says("pulumi", "v3.300.1")
    assert (have(machine, "pulumi").bin_dir / "pulumi").readlink() == path


def test_a_program_that_was_not_asked_for_has_no_path(machine: Machine) -> None:
    with pytest.raises(KeyError):
        have(machine, "etcd").path("kwok")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle_of_a_build_it_is_made_good_by_the_next_run(machine: Machine, number: int) -> None:
    process = begin(machine)
    process.send_signal(number)
    process.communicate()
    assert not (pins.folder(PROGRAMS["etcd"].pin, machine.toolchain) / "etcd").exists()
    let_go(machine)
    have(machine, "etcd", "kwok")
    assert leftovers(machine) == []
    for name in ("etcd", "kwok"):
        assert subprocess.check_output([machine.toolchain / "bin" / name], text=True) == "whole\n"


def test_a_build_whose_starter_was_killed_is_waited_for(machine: Machine) -> None:
    process = begin(machine)
    process.kill()
    process.communicate()
    shown = io.StringIO()
    thread = threading.Thread(target=have, args=(machine, "etcd"), kwargs={"output": shown})
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    assert len(machine.built()) == 1
    let_go(machine)
    thread.join(30)
    assert f"Waiting for the programs that process {process.pid} began to build" in shown.getvalue()


def test_two_runs_at_once_build_each_program_once(machine: Machine) -> None:
    process = begin(machine)
    thread = threading.Thread(target=have, args=(machine, "kwok", "etcd"))
    thread.start()
    let_go(machine)
    thread.join(60)
    assert process.wait(60) == 0
    assert sorted(machine.built()) == sorted([PROGRAMS["etcd"].package, PROGRAMS["kwok"].package])


def test_programs_built_before_an_interruption_are_not_built_again(machine: Machine) -> None:
    have(machine, "etcd")
    have(machine, "etcd", "kwok")
    assert machine.built() == [PROGRAMS["etcd"].package, PROGRAMS["kwok"].package]


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("./main.go:1: undefined: x", "log/etcd.log"),
        ('Get "x": dial tcp: lookup x: no such host', "GOPROXY"),
        ("compile: signal: killed", "memory"),
        ("write x: no space left on device", "free some space"),
    ],
)
def test_a_build_that_fails_says_why_and_what_to_do(machine: Machine, told: str, hint: str) -> None:
    (machine.go / "fail").write_text(told)
    with pytest.raises(UserError) as error:
        have(machine, "etcd")
    assert hint in str(error.value)
    assert leftovers(machine) == []
    (machine.go / "fail").unlink()
    have(machine, "etcd")


def test_a_failed_build_is_the_machines_error_not_the_users(machine: Machine) -> None:
    (machine.go / "fail").write_text("./main.go:1: undefined: x")
    with pytest.raises(UserError, match=r"etcd: go could not build it: .*undefined: x") as error:
        have(machine, "etcd")
    assert error.value.code is ExitCode.ERROR


def test_too_little_room_is_said_before_anything_is_built(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.machine.disk_free", lambda _path: 1024**3)
    with pytest.raises(UserError) as error:
        have(machine, "kube-apiserver")
    text = str(error.value)
    assert machine.built() == []
    assert str(machine.go) in text or str(machine.toolchain) in text
    assert "GiB free, and 1.0 GiB are" in text
    assert error.value.code is ExitCode.USAGE


def test_a_run_that_goes_on_is_not_asked_for_room_it_has_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.go / "fail").write_text("signal: interrupt")
    with pytest.raises(UserError, match="signal: interrupt"):
        have(machine, "etcd", "kwok")
    (machine.go / "fail").unlink()
    monkeypatch.setattr("local.machine.disk_free", lambda _path: 1024**3)
    have(machine, "etcd", "kwok")
    with pytest.raises(UserError, match="GiB free"):
        have(machine, "helm")


def test_a_folder_that_cannot_be_made_is_named(machine: Machine) -> None:
    machine.toolchain.write_text("a file in its place")
    with pytest.raises(UserError, match="cannot write the tool chain's folder") as error:
        have(machine, "etcd")
    assert error.value.where == str(machine.toolchain)


def test_leftovers_of_killed_runs_are_removed(machine: Machine) -> None:
    for name in (".build-abc", ".go-1"):
        (machine.toolchain / name).mkdir(parents=True)
        (machine.toolchain / name / "half").write_text("half")
    (machine.toolchain / ".link-1-etcd").symlink_to("nowhere")
    (machine.toolchain / ".lock").write_text("4711")
    have(machine, "etcd")
    assert leftovers(machine) == []


def test_of_superseded_programs_the_last_one_is_kept(machine: Machine) -> None:
    for age, key in enumerate(["a" * 12, "b" * 12, "c" * 12]):
        folder = machine.toolchain / f"etcd-{key}"
        folder.mkdir(parents=True)
        os.utime(folder, (1000 - age, 1000 - age))
    (machine.toolchain / "etcd-notes").mkdir()
    have(machine, "etcd")
    here = sorted(path.name for path in machine.toolchain.glob("etcd-*"))
    assert here == sorted([pins.folder(PROGRAMS["etcd"].pin, machine.toolchain).name, f"etcd-{'a' * 12}", "etcd-notes"])
