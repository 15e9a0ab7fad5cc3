from __future__ import annotations

import configparser
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.waiting import wait_until
from local.node.host import processes
from local.node.host.services import NotReadyError, Service, ensure_services
from local.node.host.supervisord import Supervisord, section
from local.node.host.systemd import unit

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(st.lists(WORDS, min_size=1))
def test_supervisord_reads_the_words_that_were_meant(words: list[str]) -> None:
    service = Service(name="x", command=tuple(words))
    parser = configparser.RawConfigParser()
    parser.read_string(section(service, {}, Path("/log")))
    assert shlex.split(parser["program:x"]["command"].replace("%%", "%")) == words


def test_neither_manager_ever_gives_up() -> None:
    service = Service(name="x", command=("/bin/true",))
    assert "autorestart=true" in section(service, {}, Path("/log"))
    assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(unit(service, {}).splitlines())


def test_pods_outlive_a_restart_of_a_unit() -> None:
    assert "KillMode=process" in unit(Service(name="x", command=("/bin/true",)), {}).splitlines()


def test_the_digest_follows_command_environment_and_watched_files(tmp_path: Path) -> None:
    watched = tmp_path / "config"
    watched.write_text("a")
    one = Service(name="x", command=("/bin/sh", "-c", "a"), watch=(watched,))
    first = one.digest()
    watched.write_text("b")
    others = [
        one.digest(),
        Service(name="x", command=("/bin/sh", "-c", "b"), watch=(watched,)).digest(),
        Service(name="x", command=("/bin/sh", "-c", "a"), watch=(watched,), environment={"A": "1"}).digest(),
    ]
    assert len({first, *others}) == 4


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Supervisord]:
    folders = {name: tmp_path / name for name in ("config", "runtime", "logs")}
    for folder in folders.values():
        folder.mkdir()
    made = Supervisord(program=Path(sys.executable).parent / "supervisord", **folders)
    yield made
    made.remove()


def sleeper(argument: str = "60") -> Service:
    return Service(name="sleeper", command=("/bin/sleep", argument))


def running(manager: Supervisord) -> bool:
    return manager.pid("sleeper") is not None


def test_services_are_started_once_and_restarted_on_change(manager: Supervisord) -> None:
    assert ensure_services(manager, [sleeper()], 10) == ["sleeper"]
    assert wait_until(lambda: running(manager), 10)
    first = manager.pid("sleeper")
    assert ensure_services(manager, [sleeper()], 10) == []
    assert ensure_services(manager, [sleeper("61")], 10) == ["sleeper"]
    assert wait_until(lambda: running(manager), 10)
    assert manager.pid("sleeper") != first


def test_a_killed_service_comes_back(manager: Supervisord) -> None:
    ensure_services(manager, [sleeper()], 10)
    assert wait_until(lambda: running(manager), 10)
    first = manager.pid("sleeper")
    assert first is not None
    processes.end([first], grace_seconds=0)
    assert wait_until(lambda: manager.pid("sleeper") not in {None, first}, 10)


def test_what_a_killed_supervisor_left_is_ended_and_started_anew(manager: Supervisord) -> None:
    ensure_services(manager, [sleeper()], 10)
    assert wait_until(lambda: running(manager), 10)
    orphan = manager.pid("sleeper")
    found = processes.of_node(manager.runtime)
    supervisor = [process.pid for process in found if processes.SERVICE not in process.environment]
    processes.end(supervisor, grace_seconds=0)
    assert manager.socket.exists()  # the stale socket is part of the test
    assert ensure_services(manager, [sleeper()], 10) == ["sleeper"]
    assert orphan is not None
    assert not processes.is_alive(orphan)


def test_removal_ends_everything_and_has_nothing_to_do_twice(manager: Supervisord) -> None:
    ensure_services(manager, [sleeper()], 10)
    assert manager.remove()
    assert processes.of_node(manager.runtime) == []
    assert not manager.remove()


def test_removal_ends_what_could_not_be_told_at_first(manager: Supervisord, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_services(manager, [sleeper()], 10)
    of_node, looks = processes.of_node, iter(range(1, 100))

    def late(runtime: Path) -> list[processes.Process]:
        """While a process is being executed its environment reads as empty: the first two looks do not see it."""
        hidden = next(looks) <= 2
        return [each for each in of_node(runtime) if not (hidden and processes.SERVICE in each.environment)]

    monkeypatch.setattr(processes, "of_node", late)
    # The supervisor is killed as on a busy machine, where it still waits for its services.
    supervisor = [each.pid for each in of_node(manager.runtime) if processes.SERVICE not in each.environment]
    processes.end(supervisor, grace_seconds=0)
    manager.remove()
    assert of_node(manager.runtime) == []


def test_a_service_that_does_not_get_ready_is_named_with_its_last_lines(manager: Supervisord) -> None:
    failing = Service(
        name="failing", command=("/bin/sh", "-c", "echo it hurts; sleep 60"), ready="unix:///nowhere.sock"
    )
    with pytest.raises(NotReadyError, match=r"failing was not ready(?s:.*)it hurts"):
        ensure_services(manager, [failing], 1)
