"""A pod starts when its policies are in force, and not before: the plugin, the agent's socket and what lies between."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.waiting import wait_until
from local.node_agent import announcements, cni
from local.node_agent.announcements import Announcement, Announcements, serve
from local.node_agent.store import Changes
from tests.unix_sockets import listens

MADE = Announcement(uid="u", address="10.244.0.9")
SECONDS = 60
RESULT = {"cniVersion": "1.0.0", "ips": [{"address": "fd00::9/64"}, {"address": "10.244.0.9/24"}]}


@pytest.fixture
def told() -> Changes:
    return Changes()


@pytest.fixture
def known(told: Changes, monkeypatch: pytest.MonkeyPatch) -> Announcements:
    monkeypatch.setattr(announcements, "ENFORCE_SECONDS", 0.3)
    return Announcements(told)


@pytest.fixture
def socket_path(known: Announcements, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "agent.sock"
    threading.Thread(target=serve, args=(known, path), daemon=True).start()
    assert wait_until(lambda: listens(path), SECONDS)
    yield path


def plug(path: Path, command: str = "ADD", arguments: str = "IgnoreUnknown=1;K8S_POD_UID=u") -> tuple[int, str]:
    given = {"cniVersion": "1.0.0", "name": "groundwork", "socket": str(path), "prevResult": RESULT}
    done = subprocess.run(
        [sys.executable, "-IS", cni.__file__],
        input=json.dumps(given),
        env={"CNI_COMMAND": command, "CNI_ARGS": arguments},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def ask(path: Path, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(line)
        return client.makefile("rb").readline()


def test_what_is_announced_wakes_the_agent_and_waits_for_its_rules(known: Announcements, told: Changes) -> None:
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(known.announce(MADE)))
    thread.start()
    assert told.wait(SECONDS)
    assert known.current() == {"10.244.0.9": "u"}
    known.settle({"10.244.0.9": "u"}, ["u"])
    thread.join()
    assert answers == [True]


@pytest.mark.parametrize("enforced", [{}, {"10.244.0.9": "another"}, {"10.244.0.8": "u"}])
def test_rules_for_others_do_not_do(known: Announcements, enforced: dict[str, str]) -> None:
    known.settle(enforced, ["u"])
    assert not known.announce(MADE)


def test_a_pod_has_one_address_and_it_is_forgotten_with_the_pod(known: Announcements) -> None:
    known.announce(MADE)
    known.announce(Announcement(uid="u", address="10.244.0.10"))
    assert known.current() == {"10.244.0.10": "u"}
    known.settle({}, [])  # not seen yet: it may still come
    assert known.current() == {"10.244.0.10": "u"}
    known.settle({}, ["u"])
    known.settle({}, [])
    assert known.current() == {}


def test_the_plugin_passes_on_what_it_was_given(known: Announcements, socket_path: Path) -> None:
    known.settle({"10.244.0.9": "u"}, ["u"])
    code, out = plug(socket_path)
    assert (code, json.loads(out)) == (0, RESULT)


def test_the_plugin_fails_where_rules_are_not_in_force(socket_path: Path) -> None:
    code, out = plug(socket_path)
    assert code == 1
    assert json.loads(out)["code"] == cni.TRY_AGAIN_LATER
    assert "no rules for 10.244.0.9" in json.loads(out)["msg"]


def test_a_plugin_that_does_not_wait_does_no_harm(
    known: Announcements, socket_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path))
        client.sendall(MADE.model_dump_json().encode() + b"\n")
    assert wait_until(lambda: "did not wait" in caplog.text, SECONDS)
    known.settle({"10.244.0.9": "u"}, ["u"])
    assert plug(socket_path)[0] == 0


def test_the_plugin_fails_where_there_is_no_agent(tmp_path: Path) -> None:
    code, out = plug(tmp_path / "none.sock")
    assert code == 1
    assert "not in force" in json.loads(out)["msg"]


def test_the_plugin_fails_for_a_pod_without_a_name(socket_path: Path) -> None:
    code, out = plug(socket_path, arguments="IgnoreUnknown=1")
    assert code == 1
    assert "K8S_POD_UID" in json.loads(out)["msg"]


@pytest.mark.parametrize("command", ["DEL", "CHECK", "GC", "STATUS"])
def test_the_plugin_has_nothing_to_undo(command: str, tmp_path: Path) -> None:
    assert plug(tmp_path / "none.sock", command) == (0, "")


def test_the_plugin_says_which_versions_it_speaks(tmp_path: Path) -> None:
    code, out = plug(tmp_path / "none.sock", "VERSION")
    assert code == 0
    assert "1.0.0" in json.loads(out)["supportedVersions"]


def test_nonsense_is_answered_and_the_socket_lives_on(known: Announcements, socket_path: Path) -> None:
    assert b"errors in the announcement" in ask(socket_path, b'{"uid": 9}\n')
    known.settle({"10.244.0.9": "u"}, ["u"])
    cni.announce(str(socket_path), "u", "10.244.0.9")
