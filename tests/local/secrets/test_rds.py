"""OpenBao's own role in RDS: how it is made, that nothing of the way there is left, and what is read of AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from groundwork.errors import UserError
from local.cluster import Cluster
from local.rehearsal.account import emulated, variables
from local.secrets.api import Api
from local.secrets.configure import CONNECTION, Database, database
from local.secrets.rds import Told, administrator, master, statements

TOLD = Told(
    host="one.rds.example", name="groundwork", secret="arn:aws:secretsmanager:eu-west-1:111122223333:secret:none-such"
)
MASTER = Database(username="groundwork_admin", password="of-the-moment")


class Written(Api):
    """An OpenBao that keeps what it is told. `fails`: the path that it refuses."""

    def __init__(self, fails: str = "") -> None:
        super().__init__("http://127.0.0.1:1")
        self.kept: dict[str, Mapping[str, JsonValue]] = {}
        self.said: list[str] = []
        self.fails = fails

    def write(
        self, path: str, body: Mapping[str, JsonValue] | None = None, *, seconds: float = 0
    ) -> dict[str, JsonValue]:
        del seconds
        self.said.append(path)
        self.kept[path] = body or {}
        return {}

    def read(self, path: str) -> dict[str, JsonValue]:
        self.said.append(path)
        if path == self.fails:
            raise UserError(what="the database does not answer")
        return {}

    def delete(self, path: str, body: Mapping[str, JsonValue] | None = None) -> None:
        del body
        del self.kept[path]


def test_the_masters_name_serves_for_one_moment_and_is_left_nowhere() -> None:
    asking = Written()
    made = administrator(asking, TOLD.connection, MASTER)
    assert made.username == "openbao"
    assert made.password != MASTER.password
    assert len(made.password) > 40
    assert set(asking.kept) == {"sys/leases/revoke-prefix/database/creds/bootstrap"}
    assert asking.said.index("database/creds/bootstrap") == 2


def test_where_the_database_does_not_answer_nothing_is_left_either() -> None:
    asking = Written(fails="database/creds/bootstrap")
    with pytest.raises(UserError, match="does not answer"):
        administrator(asking, TOLD.connection, MASTER)
    assert not [path for path in asking.kept if path.startswith("database/")]


def test_the_role_makes_roles_and_is_nobody_else() -> None:
    said = " ".join(statements("groundwork", Database(username="openbao", password="p")))
    assert "CREATE ROLE openbao CREATEROLE LOGIN" in said
    for right in ("SUPERUSER", "CREATEDB", "BYPASSRLS", "REPLICATION", "rds_superuser"):
        assert right not in said
    assert "REVOKE ALL ON DATABASE groundwork FROM PUBLIC" in said


def test_openbao_checks_the_certificate_by_rdss_root_and_changes_the_password_at_once() -> None:
    asking = Written()
    database(asking, MASTER, TOLD.connection)
    url = str(asking.kept[f"database/config/{CONNECTION}"]["connection_url"])
    assert url.endswith("@one.rds.example:5432/groundwork?sslmode=verify-full&sslrootcert=/etc/openbao-database/ca.crt")
    assert asking.said[-1] == f"database/rotate-root/{CONNECTION}"


def test_the_masters_password_is_read_by_this_machines_own_rights(tmp_path: Path) -> None:
    with emulated("111122223333", "eu-west-1", tmp_path / "log") as account, variables(account.variables):
        text = json.dumps({"username": "groundwork_admin", "password": "of-the-moment"})
        calls = account.account()
        made = calls.call("secretsmanager", "CreateSecret", {"Name": "a", "SecretString": text})
        assert master(Told(host="h", name="n", secret=str(made["ARN"]))) == MASTER
        with pytest.raises(UserError, match="cannot be read") as caught:
            master(TOLD)
        assert "of-the-moment" not in str(caught.value)
    assert "of-the-moment" not in repr(MASTER)


class Kept(Cluster):
    """A cluster that has, or has not, what the layer's stack says."""

    def __init__(self, data: Mapping[str, str] | None) -> None:
        super().__init__(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
        object.__setattr__(self, "data", data)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:
        assert (kind, name, namespace) == ("configmap", "openbao-database", "groundwork-secrets")
        found: Mapping[str, str] | None = vars(self)["data"]
        return {"data": found} if found is not None else None


def test_where_it_is_stands_in_the_cluster_or_the_stack_is_missing() -> None:
    told = {"host": "h", "name": "n", "secret": "arn", "ca.crt": "PEM"}
    assert Told.by(Kept(told)) == Told(host="h", name="n", secret="arn")
    with pytest.raises(UserError, match="says of no database"):
        Told.by(Kept(None))
