from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from groundwork.errors import ExitCode, UserError
from local.doctor import Need, State, capability, kernel, ports, resources
from local.doctor.capability import judge
from local.doctor.command import doctor, show
from local.node import NodeSettings
from local.node.host.processes import NODE
from local.paths import Paths
from local.record import Way

needs = st.builds(
    Need,
    group=st.just("group"),
    name=st.text(min_size=1, max_size=5),
    state=st.sampled_from(State),
    seen=st.just("seen"),
    fix=st.none() | st.just("fix"),
    ways=st.frozensets(st.sampled_from(Way), min_size=1),
    lasting=st.booleans(),
)


def need(name: str, state: State, ways: set[Way], *, lasting: bool = False) -> Need:
    return Need(
        group="g", name=name, state=state, seen=f"saw {name}", fix=f"mend {name}", ways=frozenset(ways), lasting=lasting
    )


@given(st.lists(needs))
def test_the_way_and_the_code_follow_from_what_is_missing(rows: list[Need]) -> None:
    seen = judge(rows)
    missing = [row for row in rows if row.state is State.MISSING]
    never = any(row.lasting and Way.REAL in row.ways for row in missing)
    assert seen.way is (Way.SIMULATED if never else Way.REAL)
    assert (seen.code is ExitCode.PASS) == (not any(Way.REAL in row.ways for row in missing))
    assert (seen.code is ExitCode.ERROR) == all(any(way in row.ways for row in missing) for way in Way)
    assert (seen.why() is None) == (seen.way is Way.REAL)


@given(st.lists(needs))
def test_a_way_is_refused_exactly_where_something_it_needs_is_missing(rows: list[Need]) -> None:
    seen = judge(rows)
    for way in Way:
        blocked = any(row.state is State.MISSING and way in row.ways for row in rows)
        if blocked:
            with pytest.raises(UserError):
                seen.require(way)
        else:
            seen.require(way)


def test_what_can_be_mended_is_said_and_not_evaded() -> None:
    seen = judge([need("6443", State.MISSING, {Way.REAL}), need("root", State.OK, {Way.REAL}, lasting=True)])
    assert seen.way is Way.REAL
    with pytest.raises(UserError, match="6443: saw 6443") as error:
        seen.require(Way.REAL)
    assert error.value.fix == "mend 6443"
    assert error.value.code is ExitCode.USAGE


def test_a_machine_that_never_can_takes_the_simulated_way_and_says_why() -> None:
    seen = judge([need("root", State.MISSING, {Way.REAL}, lasting=True), need("6443", State.MISSING, {Way.REAL})])
    assert (seen.way, seen.why(), seen.code) == (Way.SIMULATED, "root: saw root", ExitCode.FAIL)


# --- ports


def row(address: str, state: str = "0A", inode: str = "77") -> str:
    return f"  0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 {inode} 1 0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000000:192B", (ports.EVERYWHERE, 6443)),
        ("0100007F:192B", ("127.0.0.1", 6443)),
        ("00000000000000000000000000000000:192B", (ports.EVERYWHERE, 6443)),
        ("0000000000000000FFFF00000100007F:192B", ("127.0.0.1", 6443)),
        ("00000000000000000000000001000000:192B", ("::1", 6443)),
    ],
)
def test_reads_the_kernels_table(text: str, expected: tuple[str, int]) -> None:
    assert ports.parse_table(["  sl local_address", row(text)]) == {"77": expected}


def test_connections_are_no_listeners() -> None:
    assert ports.parse_table([row("0100007F:192B", state="01")]) == {}


@given(st.sets(st.integers(1, 65535)))
def test_spans_name_each_number_once(numbers: set[int]) -> None:
    text = ports.spans(numbers)
    ends = [part.split("-") for part in text.split(", ")] if text else []
    named = [number for end in ends for number in range(int(end[0]), int(end[-1]) + 1)]
    assert named == sorted(numbers)


@pytest.mark.parametrize(
    ("listens", "wants", "collide"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        (ports.EVERYWHERE, "10.244.0.1", True),
        ("127.0.0.53", "10.244.0.1", False),
        ("127.0.0.1", ports.EVERYWHERE, True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_only_the_same_address_or_all_addresses_collide(listens: str, wants: str, collide: bool) -> None:
    port = ports.Port(number=53, address=wants, owner="coredns", ways=frozenset({Way.REAL}))
    assert ports.Listener(number=53, address=listens).is_in_the_way_of(port) is collide
    assert not ports.Listener(number=54, address=listens).is_in_the_way_of(port)


@pytest.fixture
def paths() -> Iterator[Paths]:
    """Short ones: a simulated node has sockets in its data folder."""
    with tempfile.TemporaryDirectory() as text:
        yield Paths(cache=Path(text) / "cache", data=Path(text) / "data")


def listen(port: int, **environment: str) -> subprocess.Popen[str]:
    """Another process that listens on a port of 127.0.0.1."""
    program = (
        "import socket,sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
        f"s.bind(('127.0.0.1', {port})); s.listen(); print('listens', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    return process


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port that the node is made to want, and nothing else."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    wanted = ports.Port(number=number, address="127.0.0.1", owner="etcd", ways=frozenset({Way.REAL}))
    monkeypatch.setattr(ports, "wanted", lambda _paths: [wanted])
    return number


@pytest.fixture
def stranger(port: int) -> Iterator[subprocess.Popen[str]]:
    process = listen(port)
    yield process
    process.communicate()


def test_a_port_in_use_is_named_with_its_process(paths: Paths, port: int, stranger: subprocess.Popen[str]) -> None:
    _, found = ports.needs(paths)
    assert found.state is State.MISSING
    assert found.name == f"{port} (etcd)"
    assert f"process {stranger.pid}" in found.seen
    assert found.fix is not None
    assert f"kill {stranger.pid}" in found.fix


def test_a_port_that_our_own_node_holds_is_fine(paths: Paths, port: int) -> None:
    runtime = NodeSettings.simulated(paths.data / "node").runtime
    process = listen(port, **{NODE: str(runtime)})
    try:
        _, found = ports.needs(paths)
    finally:
        process.communicate()
    assert found.state is State.OK
    assert "our own node" in found.seen


def test_free_ports_take_one_line(paths: Paths, port: int) -> None:
    _, found = ports.needs(paths)
    assert (found.state, found.seen) == (State.OK, f"free: {port}")


def test_a_data_folder_too_deep_for_sockets_is_named(tmp_path: Path) -> None:
    deep = Paths(cache=tmp_path, data=tmp_path / ("x" * 100))
    (found,) = [one for one in ports.needs(deep) if one.state is State.MISSING and one.name == "data folder"]
    assert found.ways == {Way.SIMULATED}
    assert found.fix == "set GROUNDWORK_HOME to a shorter path"


def test_the_nodes_own_ports_are_looked_at(paths: Paths) -> None:
    numbers = {port.number for port in ports.wanted(paths)}
    assert {6443, 2379, 2380, 10250, 10257, 10259, 10256, 10248, 80, 443, 5353} <= numbers


# --- kernel and resources


def test_a_feature_that_fails_tells_why() -> None:
    attempt = kernel.Attempt(name="x", namespaces=(), commands=("true", "ls /no-such-folder"), fix="mend")
    found = kernel.tried(attempt)
    assert (found.state, found.fix, found.lasting) == (State.MISSING, "mend", True)
    assert "no-such-folder" in found.seen


def test_a_feature_that_works() -> None:
    found = kernel.tried(kernel.Attempt(name="x", namespaces=(), commands=("true", "true"), fix="mend"))
    assert (found.state, found.fix) == (State.OK, None)


def test_what_cannot_be_tried_yet_is_no_verdict() -> None:
    found = kernel.tried(kernel.Attempt(name="x", namespaces=(), commands=("no-such-program -x",), fix="mend"))
    assert found.state is State.WARN
    assert "no-such-program" in found.seen


def test_without_root_only_root_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    missing = [one for one in kernel.needs() if one.state is State.MISSING]
    assert [one.name for one in missing] == ["root"]
    assert judge(missing).way is Way.SIMULATED


def test_off_linux_only_linux_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [one.name for one in kernel.needs()] == ["Linux"]


def test_control_group_controllers_of_both_versions(tmp_path: Path) -> None:
    mounts = [f"cgroup {tmp_path} cgroup rw,relatime,memory 0 0", "cgroup /no/such cgroup rw,pids 0 0", "proc /proc"]
    assert kernel.controllers(mounts, "") & set(kernel.CONTROLLERS) == {"memory"}
    assert kernel.controllers([], "cpuset cpu io memory pids") >= set(kernel.CONTROLLERS)


def test_reads_the_kernels_routes() -> None:
    lines = [
        "Iface\tDestination\tGateway",
        "tun0\t0000600A\t0\t1\t0\t0\t0\t0000FFFF\t0",
        "eth0\t0\t0\t3\t0\t0\t0\t0\t0",
    ]
    assert resources.parse_routes(lines) == [("tun0", IPv4Network("10.96.0.0/16")), ("eth0", IPv4Network((0, 0)))]


@pytest.mark.parametrize(
    ("link", "route", "state"),
    [
        ("tun0", "10.96.4.0/24", State.WARN),
        ("tun0", "10.0.0.0/8", State.WARN),
        ("eth0", "0.0.0.0/0", State.OK),
        ("eth0", "192.168.0.0/16", State.OK),
        ("groundwork0", "10.244.0.0/24", State.OK),
    ],
)
def test_a_network_that_another_link_has_is_named(link: str, route: str, state: State) -> None:
    (found,) = resources.networks([(link, IPv4Network(route))])
    assert found.state is state
    assert (link in found.seen) == (state is State.WARN)


def test_a_full_disk_is_named(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.machine.disk_free", lambda _path: 0)
    rows = resources.disk(paths, ())
    assert {one.state for one in rows} == {State.MISSING}
    assert all("0.0 GiB free" in one.seen for one in rows)


@pytest.mark.parametrize(("gib", "state"), [(8, State.OK), (3, State.WARN), (1, State.MISSING)])
def test_memory(paths: Paths, monkeypatch: pytest.MonkeyPatch, gib: int, state: State) -> None:
    monkeypatch.setattr("local.machine.memory_available", lambda: gib * 1024**3)
    assert [one.state for one in resources.needs(paths, ()) if one.name == "memory"] == [state]


# --- the verb


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout


def test_looks_at_this_machine_and_says_it_as_data() -> None:
    code, text = run("--json")
    data = json.loads(text)
    assert code == data["code"]
    assert code in {ExitCode.PASS, ExitCode.FAIL, ExitCode.ERROR}
    assert [way["way"] for way in data["ways"]] == list(Way)
    assert {one["group"] for one in data["needs"]} == {"kernel", "machine", "ports", "programs"}
    assert all(one["fix"] is None for one in data["needs"] if one["state"] == "ok")
    assert all(one["fix"] for one in data["needs"] if one["state"] != "ok")


def test_says_it_in_lines_for_people() -> None:
    _, text = run()
    assert "missing" in text or "ok " in text
    assert "`up` takes this one" in text
    assert all(
        line.startswith(("  ok", "  warn", "  missing", "     ")) for line in text.splitlines() if line[0] == " "
    )


def test_text_with_brackets_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(judge([need("[red]x[/red]", State.MISSING, {Way.REAL})]))
    assert "[red]x[/red]: saw [red]x[/red]" in capsys.readouterr().out


def test_looking_leaves_nothing_behind(paths: Paths) -> None:
    capability(paths)
    assert not paths.cache.exists()
    assert not paths.data.exists()
    assert not list(Path("/var/lib").glob("groundwork-probe-*"))
