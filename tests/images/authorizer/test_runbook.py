"""docs/runbooks/leaked-api-key.md, carried out: `groundwork key` on one side, the running authorizer on the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.command import groundwork, succeeded
from tests.images.authorizer.api_server import kubeconfig
from tests.images.authorizer.samples import tenant_object
from tests.images.authorizer.world import World, world

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    with world() as made:
        made.objects.put(tenant_object())
        yield made


def key(running: World, *words: str) -> dict[str, str]:
    file = kubeconfig(running.folder, running.api_port)
    found: dict[str, str] = json.loads(succeeded(groundwork("key", *words, "--json", "--kubeconfig", str(file))))
    return found


def test_a_leaked_key_is_refused_and_its_user_goes_on(running: World) -> None:
    leaked = key(running, "create", "acme")
    running.until("allowed", leaked["key"])

    assert key(running, "show", leaked["id"])["state"] == "active"
    new = key(running, "create", "acme", "--expires", "90d", "--note", f"in place of {leaked['id']}")
    running.until("allowed", new["key"])
    key(running, "revoke", leaked["id"], "--reason", "in a public log")
    assert running.until("revoked_key", leaked["key"]) < 5

    shown = key(running, "show", leaked["id"])
    assert shown["state"] == "revoked"
    assert "in a public log" in shown["revoked"]
    assert int(shown["requests"]) >= 1
    (entry,) = [line for line in running.entries("refused") if line["credential"] == f"key:{leaked['id']}"]
    assert (entry["reason"], entry["source"]) == ("revoked_key", "192.0.2.1")
    assert running.bearer(new["key"]).status == 200


def test_a_rotated_key_works_in_its_grace_and_not_after_it(running: World) -> None:
    old = key(running, "create", "acme")
    new = key(running, "rotate", old["id"], "--grace", "6s")
    running.until("allowed", new["key"])
    assert running.bearer(old["key"]).status == 200
    running.until("rotated_key", old["key"], 10)
    assert running.bearer(new["key"]).status == 200
