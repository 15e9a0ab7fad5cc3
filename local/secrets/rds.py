"""RDS in OpenBao's hands: a role of its own in it, made once with the master's password, which AWS keeps and rotates.

What is asked of the database goes through OpenBao, which reaches it where this machine need not: a connection with the
master's name is there for as long as the role is being made, and no longer.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from components.data.names import POSTGRES_PORT
from components.secrets.names import DATABASE, DATABASE_CONFIG, NAMESPACE
from components.secrets.server import DATABASE_AUTHORITY
from groundwork.errors import ExitCode, UserError
from local.aws_plugin.account import Account, CallError
from local.aws_plugin.settings import Settings
from local.cluster import Cluster
from local.secrets.api import Api
from local.secrets.configure import Connection, Database, once

ROLE = "openbao"
# Of the connection and its role, while they are there.
_FIRST = "bootstrap"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the layer's stack says of the database. `secret`: ARN of the master's password."""

    host: str
    name: str
    secret: str

    @classmethod
    def by(cls, cluster: Cluster) -> Told:
        """As it stands in the cluster. Raises UserError."""
        found = json.loads(json.dumps(cluster.get("configmap", DATABASE_CONFIG, NAMESPACE)))
        if not found:
            raise UserError(
                what="the layer's stack says of no database",
                where=f"ConfigMap {DATABASE_CONFIG} in {NAMESPACE}",
                fix="bring the stack of the layer secrets up first",
            )
        data = found["data"]
        return cls(host=data["host"], name=data["name"], secret=data["secret"])

    @property
    def connection(self) -> Connection:
        """How OpenBao reaches it."""
        return Connection(host=self.host, port=POSTGRES_PORT, name=self.name, authority=str(DATABASE_AUTHORITY))


def master(told: Told) -> Database:
    """The master's name and its password of the moment, by this machine's own rights in AWS. Raises UserError."""
    region = told.secret.split(":")[3] if told.secret.count(":") >= 6 else ""
    try:
        answer = Account(Settings(region=region)).call("secretsmanager", "GetSecretValue", {"SecretId": told.secret})
        held = json.loads(str(answer["SecretString"]))
        return Database(username=str(held["username"]), password=str(held["password"]))
    except (CallError, ValueError, KeyError) as error:
        raise UserError(
            what=f"the master's password cannot be read: {type(error).__name__}",
            where=told.secret,
            fix="run it with credentials that may secretsmanager:GetSecretValue and kms:Decrypt of it",
            code=ExitCode.ERROR,
        ) from None


def administrator(by_root: Api, connection: Connection, first: Database, name: str = ROLE) -> Database:
    """The role that makes the database's users, with a new password; run again, it gets another. Raises UserError.

    `first`: the master, or whoever may make roles there.
    """
    made = Database(username=name, password=secrets.token_urlsafe(32))
    place = f"{DATABASE}/config/{_FIRST}"
    try:
        by_root.write(place, connection.config(first, [_FIRST]))
        once(by_root, _FIRST, statements(connection.name, made), _FIRST)
    finally:
        by_root.delete(place)
    return made


def statements(database: str, made: Database) -> tuple[str, ...]:
    """What the role may: make roles, end their sessions, make schemas in the one database. The public may connect."""
    name, password = made.username, made.password
    return (
        f"DO $$ BEGIN CREATE ROLE {name} CREATEROLE LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        f"ALTER ROLE {name} PASSWORD '{password}';",
        f"GRANT pg_signal_backend TO {name};",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {database} TO PUBLIC;",
        f"GRANT CREATE ON DATABASE {database} TO {name};",
    )
