"""Snapshots of a real OpenBao in an emulated bucket: taken with no other right, put once, kept from deletion."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from components.secrets.names import SNAPSHOT_PREFIX, SNAPSHOTS
from local.aws_plugin.account import CallError
from local.rehearsal.account import EmulatedAccount, emulated, variables
from local.secrets import configure, rules
from local.secrets.api import Refused, data
from local.secrets.life import initialise, restore, root, unseal, wait_active
from snapshot_keeper.keeper import Keeper, Source
from snapshot_keeper.s3 import Bucket, Credentials
from tests.local.secrets.bao import Bao, openbao

pytestmark = pytest.mark.engine

REGION, NUMBER, BUCKET = "eu-west-1", "111122223333", "snapshots"
PATH = "secret/data/tenants/acme/key"
GIVEN = Credentials(key_id="rehearsal", secret="rehearsal", token="rehearsal")


class Told(Source):
    """It is given its token: the way in by service accounts needs a cluster."""

    def _login(self, client: httpx.Client, leader: str) -> str:
        del client, leader
        return self.role


@pytest.fixture
def account(tmp_path: Path) -> Iterator[EmulatedAccount]:
    with emulated(NUMBER, REGION, tmp_path / "log") as made, variables(made.variables):
        calls = made.account()
        where = {"LocationConstraint": REGION}
        made_with = {"Bucket": BUCKET, "CreateBucketConfiguration": where, "ObjectLockEnabledForBucket": True}
        calls.call("s3", "CreateBucket", made_with)
        lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
        calls.call("s3", "PutObjectLockConfiguration", {"Bucket": BUCKET, "ObjectLockConfiguration": lock})
        yield made


@pytest.fixture
def bao(tmp_path: Path) -> Iterator[Bao]:
    with openbao(tmp_path / "bao") as running:
        yield running


def test_a_snapshot_of_the_keepers_brings_everything_back(tmp_path: Path, account: EmulatedAccount, bao: Bao) -> None:
    token = initialise(bao.api, bao.shares)
    unseal(bao.api, bao.shares)
    wait_active(bao.api)
    with root(bao.api, bao.shares, token) as asking:
        configure.mounts(asking)
        asking.write(PATH, {"data": {"value": "kept"}})
        asking.write(f"sys/policies/acl/{SNAPSHOTS}", {"policy": rules.SNAPSHOTS_POLICY})
        made = asking.write("auth/token/create-orphan", {"policies": [SNAPSHOTS], "ttl": "5m"})["auth"]
        assert isinstance(made, dict)
        own = str(made["client_token"])
        limited = bao.api.as_(own)
        for path in (PATH, "sys/storage/raft/configuration"):
            with pytest.raises(Refused):
                limited.read(path)
        with pytest.raises(Refused):
            limited.send("sys/storage/raft/snapshot-force", io.BytesIO(b"x"))
        address = bao.api.address
        source = Told(address=address, authority=tmp_path / "bao" / "tls" / "ca.crt", token=tmp_path, role=own)
        bucket = Bucket(endpoint=account.variables["AWS_ENDPOINT_URL"], region=REGION, name=BUCKET, account=NUMBER)
        moment = datetime(2026, 11, 29, 21, 0, tzinfo=UTC).timestamp()
        keeper = Keeper(
            source.take,
            lambda name, file: bucket.put(name, file, GIVEN),
            clock=lambda: moment,
            every=60,
            prefix=SNAPSHOT_PREFIX,
            registry=CollectorRegistry(),
        )
        assert keeper.round()
        asking.write(PATH, {"data": {"value": "changed"}})
    key = f"{SNAPSHOT_PREFIX}/2026-11-29T210000Z.snap"
    calls = account.account()
    found = calls.call("s3", "GetObject", {"Bucket": BUCKET, "Key": key})
    with pytest.raises(CallError):
        calls.call("s3", "DeleteObject", {"Bucket": BUCKET, "Key": key, "VersionId": found["VersionId"]})
    file = tmp_path / "openbao.snap"
    file.write_bytes(found["Body"].read())
    restore(bao.api, file, bao.shares)
    wait_active(bao.api)
    with root(bao.api, bao.shares) as asking:
        assert data(data(asking.read(PATH)))["value"] == "kept"
