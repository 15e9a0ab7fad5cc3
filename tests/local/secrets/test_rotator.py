"""The rotator against a real OpenBao and a real HashiCorp Vault, with a clock of the test's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from components.secrets.kinds import Kind
from components.secrets.names import KV
from local.secrets import configure, rules
from local.secrets.api import Api, data
from local.secrets.life import initialise, root, unseal, wait_active
from local.secrets.values import Rotation, put
from secret_rotator.rotator import Rotator
from secret_rotator.store import Store
from tests.local.secrets.bao import Bao, openbao

pytestmark = pytest.mark.engine


class Told(Store):
    """A store that is given its token: the way in by service accounts needs a cluster."""

    def use(self, token: str) -> None:
        self._client.headers["X-Vault-Token"] = token

    def login(self) -> None:
        """Is logged in."""

    def logout(self) -> None:
        """Stays so."""


@pytest.fixture
def bao(tmp_path: Path, kind: Kind) -> Iterator[tuple[Bao, Api, Told]]:
    with openbao(tmp_path, kind=kind) as running:
        token = initialise(running.api, running.shares)
        unseal(running.api, running.shares)
        wait_active(running.api)
        with root(running.api, running.shares, token) as asking:
            configure.mounts(asking)
            asking.write("sys/policies/acl/rotator", {"policy": rules.ROTATOR_POLICY})
            made = asking.write("auth/token/create-orphan", {"policies": ["rotator"], "ttl": "5m"})
            given = made["auth"]
            assert isinstance(given, dict)
            store = Told(running.api.address, tmp_path / "tls" / "ca.crt", tmp_path, "", KV)
            store.use(str(given["client_token"]))
            yield running, asking, store
            unseal(running.api, running.shares)
            wait_active(running.api)


def test_a_value_is_replaced_in_time_and_the_one_before_stands_for_its_grace(bao: tuple[Bao, Api, Told]) -> None:
    running, asking, store = bao
    put(asking, "acme", "key", "", Rotation.of("1h", "10m"))
    put(asking, "acme", "fixed", '{"value": "stays"}', None)
    registry, clock = CollectorRegistry(), Clock()
    rotator = Rotator(store, clock.read, registry)
    labels = {"tenant": "acme", "secret": "key"}

    def fields(name: str = "key") -> dict[str, object]:
        return {**_mapping(data(data(asking.read(f"{KV}/data/tenants/acme/{name}"))))}

    first = fields()
    clock.now = _written(asking) + 10
    assert rotator.round()
    assert fields() == first
    assert registry.get_sample_value("groundwork_secret_expiry_timestamp_seconds", labels) == _written(asking) + 3600

    clock.now += 3600
    assert rotator.round()
    second = fields()
    assert second["previous"] == first["value"] != second["value"]
    rotated = clock.now
    clock.now += 300
    assert rotator.round()
    assert fields() == second
    clock.now += 301
    assert rotator.round()
    assert fields() == {"value": second["value"]}
    # taking the old value away is no rotation: the next one is due when it was
    ends = registry.get_sample_value("groundwork_secret_expiry_timestamp_seconds", labels)
    assert ends == pytest.approx(rotated + 3600, abs=1)
    assert fields("fixed") == {"value": "stays"}
    assert registry.get_sample_value("groundwork_secret_rotations_total", labels) == 1

    running.api.as_(_operator(asking)).write("sys/seal")
    assert not rotator.round()
    assert registry.get_sample_value("groundwork_secret_rotator_rounds_total", {"result": "failed"}) == 1


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now


def _operator(asking: Api) -> str:
    asking.write("sys/policies/acl/operator", {"policy": rules.operator_policy(asking.kind)})
    made = asking.write("auth/token/create-orphan", {"policies": ["operator"], "ttl": "5m"})["auth"]
    assert isinstance(made, dict)
    return str(made["client_token"])


def _written(asking: Api) -> float:
    from datetime import datetime

    told = data(asking.read(f"{KV}/metadata/tenants/acme/key"))["versions"]
    assert isinstance(told, dict)
    first = told["1"]
    assert isinstance(first, dict)
    return datetime.fromisoformat(str(first["created_time"])[:19] + "+00:00").timestamp()


def _mapping(found: object) -> dict[str, object]:
    assert isinstance(found, dict)
    return found
