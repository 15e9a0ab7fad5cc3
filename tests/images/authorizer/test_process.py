"""What happens when something that the authorizer stands on is away, and how it starts and stops."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from components.platform.keys import Key
from groundwork.waiting import wait_until
from tests.images.authorizer.samples import CREATED, Object, key_object, tenant_object
from tests.images.authorizer.world import STRETCH, World, beside, start_authorizer, world

pytestmark = pytest.mark.engine

KEY = Key.new()


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    with world() as made:
        made.objects.put(tenant_object())
        made.objects.put(key_object(KEY))
        made.until("allowed", KEY.text)
        yield made


def requests(running: World, key: Object) -> int:
    count: int = running.objects.get(key).get("status", {}).get("requests", 0)
    return count


def test_no_opa_no_passage_not_even_for_what_was_remembered_for_long(running: World) -> None:
    running.stop_opa()
    other = Key.new()
    running.objects.put(key_object(other))
    answer = running.bearer(other.text)
    assert (answer.status, answer.reason) == (503, "authorizer_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert running.until("authorizer_unavailable", KEY.text) < 6 * STRETCH
    assert wait_until(lambda: not running.ready(), 10)
    running.start_opa()
    running.until("allowed", KEY.text)
    running.until("allowed", other.text)
    assert wait_until(running.ready, 10)


def test_an_opa_that_hangs_is_not_waited_for(running: World) -> None:
    running.opa.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert running.bearer(Key.new().text).reason == "authorizer_unavailable"
        assert time.monotonic() - began < 2 * STRETCH
    finally:
        running.opa.send_signal(signal.SIGCONT)
    running.until("allowed", KEY.text)


def test_without_the_api_server_what_is_known_stays_and_then_catches_up(running: World) -> None:
    running.stop_api()
    assert wait_until(lambda: bool(running.entries("the API server cannot be watched")), 30)
    assert running.bearer(KEY.text).reason == "allowed"
    assert running.ready()
    revoked = Key.new()
    running.objects.put(key_object(revoked, revoked={"at": CREATED, "reason": "leaked"}))
    running.start_api()
    running.until("revoked_key", revoked.text, 10)
    assert running.bearer(KEY.text).reason == "allowed"


def test_uses_are_counted_in_the_keys_object_and_go_on_after_a_restart(running: World) -> None:
    key = Key.new()
    body = key_object(key)
    running.objects.put(body)
    running.until("allowed", key.text)
    for _ in range(20):
        running.bearer(key.text)
    assert wait_until(lambda: requests(running, body) == 21, 10 * STRETCH), requests(running, body)
    assert re.search(rf'authorizer_key_uses_total{{key="{key.id}",tenant="acme"}} 21\.0', running.metrics())
    running.bearer(key.text)
    running.authorizer.send_signal(signal.SIGTERM)
    assert running.authorizer.wait(30) == 0
    assert requests(running, body) == 22  # the last ones are written before it goes
    running.authorizer = start_authorizer(running.environment, running.log)
    assert wait_until(running.ready, 60)
    running.bearer(key.text)
    assert wait_until(lambda: requests(running, body) == 23, 10 * STRETCH)
    assert running.objects.get(body)["status"]["lastUsedAt"].endswith("Z")


def test_counts_of_two_authorizers_add_up(running: World) -> None:
    key = Key.new()
    body = key_object(key)
    running.objects.put(body)
    running.until("allowed", key.text)
    with beside(running) as second:
        for _ in range(10):
            running.bearer(key.text)
            second.bearer(key.text)
        assert wait_until(lambda: requests(running, body) == 21, 20 * STRETCH), requests(running, body)


def test_it_is_not_ready_before_it_knows_anything(running: World) -> None:
    running.stop_api()
    try:
        with beside(running, wait=False) as second:
            assert wait_until(lambda: "authorizer_known" in second.metrics(), 60)
            assert not second.ready()
            assert second.bearer(KEY.text).reason == "authorizer_unavailable"
            running.start_api()
            assert wait_until(second.ready, 30)
            assert second.bearer(KEY.text).reason == "allowed"
    finally:
        running.stop_api()
        running.start_api()


def test_a_flood_is_one_entry_with_a_count(running: World) -> None:
    before = len(running.entries("refused"))
    for _ in range(100):
        running.bearer(Key.new().text)
    assert len(running.entries("refused")) - before <= 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"AUTHORIZER_ENVIRONMENT": ""}, "not an environment's name"),
        ({"AUTHORIZER_PORT": "70000"}, "not a port"),
        ({"AUTHORIZER_CHECKS_NAME": "maybe"}, "true, false"),
        ({"AUTHORIZER_CACHE": "-1"}, "number of seconds"),
    ],
)
def test_wrong_settings_are_said_and_end_it(running: World, change: dict[str, str], says: str) -> None:
    command = [sys.executable, "-m", "authorizer"]
    variables = {**running.environment, **change}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_in_use_is_said_and_ends_it(running: World) -> None:
    command = [sys.executable, "-m", "authorizer"]
    done = subprocess.run(
        command, env=dict(running.environment), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "cannot be listened on" in done.stdout
