"""Tenants on the running cluster: added at once, asked through the gateway, suspended, deleted; no other touched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from groundwork.waiting import wait_until
from local import record
from local.answer import AgentRow, agents
from local.cluster import Cluster
from local.front_door import front_door
from local.paths import Paths
from local.up import cluster_of
from tests.cluster.node import kubectl
from tests.command import copy_of_checkout, groundwork, start, succeeded
from tests.snapshot import objects, settled, touched

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.usefixtures("environment")]

NAMES = ("gwtn-initech", "gwtn-hooli")
# Until both gateway pods and the authoriser have heard of a change.
HEARD = 120.0


def words(*arguments: str) -> str:
    return kubectl(*arguments).stdout


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    made = record.read(Paths.for_user())
    assert made is not None
    return cluster_of(made, Paths.for_user())


@pytest.fixture(scope="module")
def checkout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    assert cluster.answers()
    made = copy_of_checkout(tmp_path_factory.mktemp("c"))
    yield made
    for name in NAMES:
        groundwork("tenant", "delete", name, "--yes", checkout=made)


def tenant(checkout: Path, *arguments: str) -> dict[str, object]:
    answer: dict[str, object] = json.loads(succeeded(groundwork("tenant", *arguments, "--json", checkout=checkout)))
    return answer


@pytest.fixture(scope="module")
def rows(checkout: Path) -> list[AgentRow]:
    """Two tenants that were added at the same time, while every other object stayed as it was."""
    before = settled(words)
    processes = [start("tenant", "add", name, "--json", checkout=checkout) for name in NAMES]
    for process in processes:
        assert isinstance(process, subprocess.Popen)
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert touched(before, objects(words), *NAMES) == {}
    return [row for name in NAMES for row in agents(tenant(checkout, "add", name)["outputs"])]


def ask(cluster: Cluster, row: AgentRow) -> httpx.Response:
    with front_door(cluster, [row.tenant]) as door:
        return door.post(row.tenant, f"{row.address}/v1/invoke", {"input": "Good morning"})


def comes_to(cluster: Cluster, row: AgentRow, status: int) -> httpx.Response:
    """The first answer with that status."""
    answers: list[httpx.Response] = []

    def there() -> bool:
        answers.append(ask(cluster, row))
        return answers[-1].status_code == status

    assert wait_until(there, HEARD), f"{answers[-1].status_code} {answers[-1].text}"
    return answers[-1]


def test_both_answer_through_the_gateway(cluster: Cluster, rows: list[AgentRow]) -> None:
    assert [row.tenant for row in rows] == list(NAMES)
    for row in rows:
        assert "Good morning" in comes_to(cluster, row, 200).json()["output"]


def test_a_suspended_tenant_is_refused_with_the_reason_and_resumes(
    cluster: Cluster, checkout: Path, rows: list[AgentRow]
) -> None:
    suspended, other = rows
    before = settled(words)
    tenant(checkout, "suspend", suspended.tenant, "--reason", "invoice 17 is open")
    refused = comes_to(cluster, suspended, 403)
    assert "invoice 17 is open" in refused.text
    gone = wait_until(lambda: not words("get", "pods", "-n", suspended.tenant, "-o", "name"), 180)
    assert gone, "its agents scale to zero"
    assert ask(cluster, other).status_code == 200
    assert touched(before, objects(words), suspended.tenant) == {}
    tenant(checkout, "resume", suspended.tenant)
    assert comes_to(cluster, suspended, 200).is_success


def test_a_deleted_tenant_leaves_nothing_and_is_not_reached(
    cluster: Cluster, checkout: Path, rows: list[AgentRow]
) -> None:
    gone, other = rows
    before = settled(words)
    with front_door(cluster, [gone.tenant]) as door:
        tenant(checkout, "delete", gone.tenant, "--yes")
        left = [key for key in objects(words) if gone.tenant in (key[1], key[2]) or key[2] == f"tenant-{gone.tenant}"]
        assert left == []
        # While a gateway has yet to hear that the route is gone, it finds nobody at its end: 503.
        refusals = {401, 403, 404, 421}
        question = {"input": "still there?"}
        assert wait_until(
            lambda: door.post(gone.tenant, f"{gone.address}/v1/invoke", question).status_code in refusals, HEARD
        )
    assert touched(before, objects(words), gone.tenant) == {}
    assert ask(cluster, other).status_code == 200
