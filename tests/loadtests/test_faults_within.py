"""Faults inside pods and on volumes: bounded, found again, and gone after their undoing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from groundwork.errors import UserError
from groundwork.waiting import wait_until
from loadtests.faults import certificates, clock, disk, ground, pods, pressure, proxy, state
from loadtests.faults.ground import MARK, OURS, Pod
from local.node.host import processes
from tests.loadtests.conftest import Host
from tests.loadtests.recorded import Recorded

FOREIGN = st.text().filter(lambda name: name not in OURS)


@given(FOREIGN)
def test_a_foreign_namespace_is_refused(namespace: str) -> None:
    faults = (
        lambda: proxy.slow_answers(namespace, "anything", 100),
        lambda: proxy.failing_answers(namespace, "anything", 503),
        lambda: proxy.mend_answers(namespace, "anything"),
        lambda: pressure.press_processor(namespace, "anything", "agent", 5),
        lambda: pressure.press_memory(namespace, "anything", "agent", 5),
        lambda: clock.skew_clock(namespace, "anything", "agent", 5),
        lambda: clock.right_clock(namespace, "anything", "agent"),
        lambda: certificates.brief_certificates(namespace, "anything"),
        lambda: certificates.usual_certificates(namespace, "anything"),
    )
    for fault in faults:
        with pytest.raises(UserError, match="do not touch"):
            fault()


@given(st.integers().filter(lambda seconds: not 1 <= seconds <= pressure.MOST_SECONDS))
def test_pressure_without_a_bound_is_refused(seconds: int) -> None:
    for press in (pressure.press_processor, pressure.press_memory):
        with pytest.raises(UserError, match=r"seconds: .* out of bounds"):
            press("acme", "concierge", "agent", seconds)


@pytest.mark.parametrize("many", [0, -1, 5, 1000])
def test_more_processes_than_a_few_are_refused(many: int) -> None:
    with pytest.raises(UserError, match="competitors"):
        pressure.press_processor("acme", "concierge", "agent", 5, many)


def test_faults_of_answers_are_bounded(cluster: Recorded) -> None:
    for milliseconds, percent in ((0, 10), (30_001, 10), (100, 0), (100, 101)):
        with pytest.raises(UserError, match="out of bounds"):
            proxy.slow_answers("acme", "concierge", milliseconds, percent)
    for status in (200, 404, 600):
        with pytest.raises(UserError, match="out of bounds"):
            proxy.failing_answers("acme", "concierge", status)
    with pytest.raises(UserError, match="out of bounds"):
        clock.skew_clock("acme", "concierge", "agent", 0)
    assert not cluster.orders


def listeners(*names: str) -> str:
    filters: list[dict[str, JsonValue]] = [{"name": name} for name in names]
    return json.dumps({"configs": [{"name": "virtualInbound", "active_state": {"listener": {"filters": filters}}}]})


def test_answers_are_slow_once_every_proxy_has_been_told(cluster: Recorded) -> None:
    said = iter([listeners()] * 3 + [listeners(MARK)] * 3)  # none has it; one is told before the other
    object.__setattr__(cluster, "says", lambda *_: next(said))
    assert len(proxy.slow_answers("acme", "concierge", 250, 40)) == 2
    (wanted,) = cluster.inputs
    text = json.dumps(wanted)
    assert wanted["metadata"] == {"name": f"{MARK}-concierge", "namespace": "acme"}
    assert '"fixed_delay": "0.25s"' in text
    assert '"numerator": 40' in text
    assert '"context": "SIDECAR_INBOUND"' in text, "behind the route: who calls acts on it"
    assert '"workloadSelector": {"labels": {"app.kubernetes.io/name": "concierge"}}' in text


def test_answers_are_mended_also_where_nothing_was_done(cluster: Recorded) -> None:
    object.__setattr__(cluster, "says", lambda *_: listeners("envoy.filters.http.router"))
    proxy.mend_answers("acme", "concierge")
    proxy.mend_answers("acme", "concierge")
    assert {order[:3] for order in cluster.orders} == {("delete", proxy._KIND, f"{MARK}-concierge")}
    assert all("--ignore-not-found" in order for order in cluster.orders)


def test_a_proxy_that_is_not_told_is_an_error(cluster: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "KNOWN_SECONDS", 0.0)
    object.__setattr__(cluster, "says", lambda *_: listeners(MARK))
    with pytest.raises(UserError, match="have lost the fault"):
        proxy.mend_answers("acme", "concierge")


def test_a_filter_that_stands_is_found(cluster: Recorded) -> None:
    assert proxy.left() == []
    found: dict[str, object] = {"metadata": {"name": f"{MARK}-concierge", "namespace": "acme"}}
    cluster.objects[proxy._KIND] = [found, {"metadata": {"name": "tenant-acme", "namespace": "groundwork-gateway"}}]
    assert proxy.left() == [f"EnvoyFilter {MARK}-concierge stands"]


@pytest.fixture
def group(tmp_path: Path, cluster: Recorded, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group of memory that is a folder: 64 MiB, of which 20 are used. Whatever presses is ended."""
    folder = tmp_path / "kubepods" / "pod1" / "agent"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").touch()
    (folder / "memory.max").write_text(str(64 * 2**20))
    (folder / "memory.current").write_text(str(20 * 2**20))
    monkeypatch.setattr(pressure, "groups_of", lambda _: [folder])
    monkeypatch.setattr(pods, "busiest", lambda found: found[0])
    assert cluster.objects["pods"]
    return folder


@pytest.mark.parametrize("kind", ["processor", "memory"])
def test_what_presses_joins_the_group_and_is_gone_after_its_undoing(group: Path, kind: str) -> None:
    assert pressure.left() == []
    press = {"processor": pressure.press_processor, "memory": pressure.press_memory}[kind]
    try:
        started = press("acme", "concierge", "agent", 30)
        assert str(started[-1]) in (group / "cgroup.procs").read_text()
        assert len(pressure.left()) == len(started)
        words = Path(f"/proc/{started[0]}/cmdline").read_bytes().split(b"\0")
        assert words[3:5] == [b"30", b"0" if kind == "processor" else b"28"], "64 - 20 - 16 MiB"
    finally:
        assert pressure.relieve() == len(started)
    assert pressure.left() == []
    assert pressure.relieve() == 0


@pytest.mark.usefixtures("group")
def test_what_presses_ends_by_itself() -> None:
    (pid,) = pressure.press_processor("acme", "concierge", "agent", 1, 1)
    assert wait_until(lambda: not processes.is_alive(pid), 20)
    assert pressure.left() == []


def test_a_container_with_no_limit_of_memory_is_refused(group: Path) -> None:
    (group / "memory.max").write_text("max\n")
    with pytest.raises(UserError, match="no memory limit"):
        pressure.press_memory("acme", "concierge", "agent", 5)


def test_the_machines_own_group_is_never_pressed(cluster: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "busiest", lambda found: found[0])
    for rows in ("0::/\n", "3:memory:/\n1:cpu,cpuacct:/\n"):
        monkeypatch.setattr(Path, "read_text", lambda *_, rows=rows: rows)
        with pytest.raises(UserError, match="no control group of its own"):
            pressure.press_processor("acme", "concierge", "agent", 5)
    assert not cluster.orders


def test_control_groups_of_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    file = tmp_path / "7" / "cgroup"
    file.write_text("9:name=systemd:/p/c\n4:memory:/p/c\n3:cpuset:/p/c\n1:cpu,cpuacct:/p/c\n0::/p/c\n")
    assert pressure.groups_of(7) == [pressure.GROUPS / "memory/p/c", pressure.GROUPS / "cpu,cpuacct/p/c"]
    file.write_text("0::/kubepods/p/c\n")
    assert pressure.groups_of(7) == [pressure.GROUPS / "kubepods/p/c"]


def test_a_volume_is_filled_and_freed(
    cluster: Recorded, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod,) = ground.pods("groundwork-observability", "prometheus")
    volume = tmp_path / pod.uid / "volumes/data"
    volume.mkdir(parents=True)
    filled: list[Path] = []
    monkeypatch.setattr(disk, "_volume", lambda _: volume)
    monkeypatch.setattr(disk, "_restart", lambda *_: None)
    monkeypatch.setattr(disk, "fill", filled.append)
    assert disk.fill_disk("prometheus") == str(volume / disk.FILLER)
    (mount,) = host.ran
    assert mount[:3] == ("mount", "-t", "tmpfs")
    assert f"size={disk.ROOM}" in mount[4], "never this machine's disk"
    assert filled == [volume / disk.FILLER]
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\n{disk.SOURCE} {volume} tmpfs rw 0 0\n")
    monkeypatch.setattr(disk, "MOUNTS", table)
    assert disk.left() == [f"{volume} is full"]
    assert disk.free_disk() == [str(volume)]
    assert host.ran[-1] == ("umount", "--lazy", str(volume))
    assert [order[:3] for order in cluster.orders] == [("delete", "pod", pod.name)]
    table.write_text("")
    assert disk.free_disk() == []
    assert len(cluster.orders) == 1


def test_a_server_that_does_not_run_is_not_filled(cluster: Recorded, host: Host) -> None:
    with pytest.raises(UserError, match="does not run"):
        disk.fill_disk("nothing")
    assert not host.ran
    assert not cluster.orders


def template(cluster: Recorded) -> dict[str, object]:
    spec = cluster.one("deployments", "concierge")["spec"]
    assert isinstance(spec, dict)
    found: dict[str, object] = spec["template"]
    return found


def patches(cluster: Recorded) -> list[Mapping[str, JsonValue]]:
    return [json.loads(order[-1]) for order in cluster.orders if order[0] == "patch"]


def test_certificates_of_a_minute_and_back(cluster: Recorded) -> None:
    assert certificates.usual_certificates("acme", "concierge")
    assert not cluster.orders, "nothing was done"
    certificates.brief_certificates("acme", "concierge")
    (patch,) = patches(cluster)
    assert "SECRET_TTL" in json.dumps(patch)
    template(cluster)["metadata"] = {"annotations": {certificates._ANNOTATION: certificates._VALUE}}
    certificates.usual_certificates("acme", "concierge")
    expected: JsonValue = {"spec": {"template": {"metadata": {"annotations": {certificates._ANNOTATION: None}}}}}
    assert patches(cluster)[1] == expected


def test_a_proxys_own_settings_are_not_overwritten(cluster: Recorded) -> None:
    template(cluster)["metadata"] = {"annotations": {certificates._ANNOTATION: "{}"}}
    with pytest.raises(UserError, match="settings of its own"):
        certificates.brief_certificates("acme", "concierge")
    certificates.usual_certificates("acme", "concierge")
    assert not cluster.orders


def test_a_wrong_clock_and_back(cluster: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / clock.NAME
    library.write_bytes(b"\x7fELF")
    monkeypatch.setattr(clock, "LIBRARY", library)
    monkeypatch.setattr(clock, "ensure", lambda *_: None)
    clock.skew_clock("acme", "concierge", "agent", 10)
    (config,) = cluster.inputs
    assert config["binaryData"] == {clock.NAME: "f0VMRg=="}
    made = json.dumps(patches(cluster)[0])
    assert '{"name": "FAKETIME", "value": "+10m"}' in made
    spec = template(cluster)["spec"]
    assert isinstance(spec, dict)
    spec["volumes"] = [{"name": MARK, "configMap": {"name": MARK}}]
    clock.right_clock("acme", "concierge", "agent")
    undone = json.dumps(patches(cluster)[1])
    names = {"LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC", "FAKETIME_DISABLE_SHM"}
    assert all(f'{{"name": "{name}", "$patch": "delete"}}' in undone for name in names | {MARK})
    assert cluster.orders[-1][:3] == ("delete", "configmap", MARK)


def test_a_right_clock_is_left_alone(cluster: Recorded) -> None:
    assert clock.right_clock("acme", "concierge", "agent")
    assert not patches(cluster)


@pytest.mark.parametrize(("off", "seen"), [(600.0, True), (0.0, False), (560.0, False)])
def test_a_clock_is_compared_with_this_machines(cluster: Recorded, off: float, seen: bool) -> None:
    object.__setattr__(cluster, "says", lambda *_: f"{time.time() + off}\n")
    assert clock.clock_is_off("acme", "concierge", "agent", 10) is seen


def test_what_is_left_of_any_fault_is_asked(monkeypatch: pytest.MonkeyPatch, cluster: Recorded) -> None:
    monkeypatch.setattr(state, "LEFT", (list, lambda: ["openbao-0 is sealed"]))
    assert state.left() == ["openbao-0 is sealed"]
    assert not state.all_settled(0)
    monkeypatch.setattr(state, "LEFT", (list,))
    assert state.all_settled(0)
    assert not cluster.orders


def test_a_proxy_is_asked_in_the_pods_network(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.setattr(ground, "process_of", {"containerd://b": 42}.__getitem__)
    containers = {"agent": "containerd://a", "istio-proxy": "containerd://b"}
    pod = Pod(name="one", namespace="acme", uid="u", containers=containers, ready=frozenset())
    host.says = {"nsenter": "all is well"}
    assert ground.proxy(pod, "clusters") == "all is well"
    [words] = host.ran
    assert words[:4] == ("nsenter", "--target", "42", "--net")
    assert words[-1] == "http://127.0.0.1:15000/clusters"


def test_what_runs_among_a_containers_files_has_its_environment_and_nobody_reads_it(
    monkeypatch: pytest.MonkeyPatch, host: Host
) -> None:
    own = os.getpid()
    monkeypatch.setattr(ground, "process_of", lambda _: own)
    ground.inside("containerd://a", "python3", "-V")
    assert host.ran == [("nsenter", "--target", str(own), "--mount", "python3", "-V")]
    [environment] = host.environments
    began_with = Path(f"/proc/{own}/environ").read_text("utf-8")
    assert environment
    assert all(f"{name}={value}" in began_with for name, value in environment.items())
