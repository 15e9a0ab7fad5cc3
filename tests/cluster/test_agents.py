"""The main job: agents in real containers answer over 127.0.0.1, also while they are replaced."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from local.answer import agents
from local.cluster import Cluster
from local.front_door import FrontDoor, front_door
from tests.command import copy_of_checkout, groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

REQUESTS_AT_MOST = 20_000
# Tenant → where its agent answers, as `up` says.
ADDRESSES = {
    "acme": "https://acme.groundwork.test/agents/concierge",
    "globex": "https://globex.groundwork.test/agents/analyst",
}


@pytest.fixture(scope="module")
def door(cluster: Cluster) -> Iterator[FrontDoor]:
    with front_door(cluster, ADDRESSES) as opened:
        yield opened


@pytest.mark.parametrize("tenant", ADDRESSES)
def test_every_agent_answers_for_its_tenant(door: FrontDoor, tenant: str) -> None:
    response = door.post(tenant, f"{ADDRESSES[tenant]}/v1/invoke", {"input": "Good morning"})
    assert response.status_code == 200
    assert "Good morning" in response.json()["output"]


def test_a_wrong_request_is_refused(door: FrontDoor) -> None:
    response = door.post("acme", f"{ADDRESSES['acme']}/v1/invoke", {"inptu": "x"})
    assert response.status_code in {400, 422}
    assert response.json()["error"]["message"]


class Asker(threading.Thread):
    """Asks one agent without pause until told to stop; keeps what was not a success. Bounded in count."""

    def __init__(self, tenant: str, door: FrontDoor) -> None:
        super().__init__(daemon=True)
        self.tenant, self.door, self.stop = tenant, door, threading.Event()
        self.answered, self.failures = 0, list[str]()

    def run(self) -> None:
        for _ in range(REQUESTS_AT_MOST):
            if self.stop.is_set():
                return
            try:  # a new connection each time, as the next caller would make it
                response = self.door.post(self.tenant, f"{ADDRESSES[self.tenant]}/v1/invoke", {"input": "x"})
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            else:
                if response.is_success:
                    self.answered += 1
                else:
                    self.failures.append(f"{response.status_code} {response.text[:200]}")


@pytest.fixture
def changed_checkout(tmp_path: Path) -> Iterator[Path]:
    checkout = copy_of_checkout(tmp_path / "checkout")
    manifest = checkout / "tenants" / "acme" / "agents" / "concierge.yaml"
    document = yaml.safe_load(manifest.read_text())
    document["spec"]["instructions"] += " Be brief."
    manifest.write_text(yaml.safe_dump(document))
    yield checkout
    succeeded(groundwork("up", "local.acme"))


def test_a_changed_manifest_rolls_out_with_no_failed_request(door: FrontDoor, changed_checkout: Path) -> None:
    asker = Asker("acme", door)
    asker.start()
    try:
        outcome = json.loads(succeeded(groundwork("up", "local.acme", "--json", checkout=changed_checkout)))
    finally:
        asker.stop.set()
        asker.join()
    assert outcome["changed"]
    assert [(row.tenant, row.address) for row in agents(outcome["outputs"])] == [("acme", ADDRESSES["acme"])]
    assert asker.answered > 0
    assert asker.failures == []
