"""Makes tenants' users in PostgreSQL: what AWS Lambda runs, with boto3 and pg8000.  (docs/ecs.md)

Secrets Manager calls it to rotate a tenant's secret, which holds one of two users: the other one gets a new password
and takes the first one's place, so that tasks which run go on with what they were given until the rotation after. Both
act as the tenant's owner, in its schema. Called with `{"forget": "<tenant>"}`, it takes all of that away, once the
secret is deleted. No value is logged, neither here nor by PostgreSQL, which is told a password by what it checks it
with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import boto3
from pg8000.native import Connection, identifier, literal

from components.data.tenant_users import SECRET, TAG, TAGGED, database_owner
from components.secrets.rotation_function import Fields, Kind, rotate

# What RDS's certificate is signed by; beside the packages in the archive, another file elsewhere.
AUTHORITY = "authority.pem"
ITERATIONS, SALT_BYTES, BYTES = 4096, 16, 32
CONNECT_SECONDS = 10
_PAGE = 10  # of services that can be described at once


def handler(event: Mapping[str, str], _context: object) -> None:
    """One step of a rotation, or the end of a tenant. Raises ValueError, and whatever AWS and PostgreSQL refuse."""
    if "forget" in event:
        _forget(event["forget"])
    else:
        rotate(event, Kind("password", _make, _set, _test, _services))


def _make(name: str, before: Fields) -> Fields:
    first, second = _users(_tenant(name))
    return {
        "username": second if before.get("username") == first else first,
        "password": secrets.token_urlsafe(BYTES),
        "host": os.environ["HOST"],
        "port": os.environ["PORT"],
        "database": os.environ["DATABASE"],
        "ca.crt": _authority().read_text("utf-8"),
    }


def _set(name: str, made: Fields) -> None:
    """The owner, its schema and the user, each where it is not there yet; and the user's password."""
    owner, user = database_owner(_tenant(name)), made["username"]
    known = verifier(made["password"])
    with _as_master() as master:
        # Users make what they make in their schema, as in a cluster.
        master.run(f"REVOKE TEMPORARY ON DATABASE {identifier(os.environ['DATABASE'])} FROM PUBLIC")
        if not _there(master, owner):
            master.run(f"CREATE ROLE {identifier(owner)} NOLOGIN")
        master.run(f"GRANT {identifier(owner)} TO CURRENT_USER")
        master.run(f"CREATE SCHEMA IF NOT EXISTS {identifier(owner)} AUTHORIZATION {identifier(owner)}")
        if not _there(master, user):
            master.run(f"CREATE ROLE {identifier(user)} LOGIN IN ROLE {identifier(owner)}")
        for setting in ("role", "search_path"):
            master.run(f"ALTER ROLE {identifier(user)} SET {setting} = {identifier(owner)}")
        master.run(f"ALTER ROLE {identifier(user)} PASSWORD {literal(known)}")


def _test(name: str, made: Fields) -> None:
    owner = database_owner(_tenant(name))
    with _connection(made["username"], made["password"]) as user:
        acting = user.run("SELECT current_user, current_schema()")
    if acting != [[owner, owner]]:
        raise ValueError(f"the user does not act as {owner} in its schema")


def _services(name: str) -> Iterator[str]:
    """The tenant's services that are given a user, by their tags."""
    runtime, cluster, tenant = boto3.client("ecs"), os.environ["CLUSTER"], _tenant(name)
    for page in runtime.get_paginator("list_services").paginate(cluster=cluster, maxResults=_PAGE):
        if not page["serviceArns"]:
            continue
        for row in runtime.describe_services(cluster=cluster, services=page["serviceArns"], include=["TAGS"])[
            "services"
        ]:
            tags = {tag["key"]: tag["value"] for tag in row.get("tags", ())}
            if tags.get("groundwork:tenant") == tenant and tags.get(TAG) == TAGGED:
                yield row["serviceArn"]


def _forget(tenant: str) -> None:
    """Users, owner and schema with all that is in it. Raises ValueError while the tenant's secret is there."""
    store, name = boto3.client("secretsmanager"), f"groundwork/{os.environ['ENVIRONMENT']}/{tenant}/{SECRET}"
    owner, users = database_owner(_tenant(name)), _users(tenant)
    try:
        gone = "DeletedDate" in store.describe_secret(SecretId=name)
    except store.exceptions.ResourceNotFoundException:
        gone = True
    if not gone:
        raise ValueError(f"{name} is still there: destroy the tenant's stack first")
    with _as_master() as master:
        for user in users:
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :user"
            master.run(ending, user=user)
            master.run(f"DROP ROLE IF EXISTS {identifier(user)}")
        if _there(master, owner):
            master.run(f"DROP SCHEMA IF EXISTS {identifier(owner)} CASCADE")
            master.run(f"DROP OWNED BY {identifier(owner)}")
            master.run(f"DROP ROLE {identifier(owner)}")


def _tenant(name: str) -> str:
    """Whose secret it is. Raises ValueError for one that holds no user."""
    found = re.fullmatch(rf"groundwork/[a-z0-9-]+/([a-z](?:[a-z0-9-]*[a-z0-9])?)/{re.escape(SECRET)}", name)
    if found is None:
        raise ValueError("this secret holds no user of the database")
    return found.group(1)


def _users(tenant: str) -> tuple[str, str]:
    owner = database_owner(tenant)
    return f"{owner}_a", f"{owner}_b"


def verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5802, RFC 7677), so that the password is in no statement of its log."""
    salt = os.urandom(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(each).decode() for each in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"


def _there(master: Connection, role: str) -> bool:
    return bool(master.run("SELECT 1 FROM pg_roles WHERE rolname = :role", role=role))


@contextmanager
def _as_master() -> Iterator[Connection]:
    """With the password of the moment, which RDS keeps and rotates."""
    kept = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["MASTER"])["SecretString"]
    held: Fields = json.loads(kept)
    with _connection(held["username"], held["password"]) as found:
        yield found


@contextmanager
def _connection(user: str, password: str) -> Iterator[Connection]:
    """TLS, with the server's name in its certificate checked."""
    made = Connection(
        user,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        database=os.environ["DATABASE"],
        password=password,
        timeout=CONNECT_SECONDS,
        ssl_context=ssl.create_default_context(cafile=str(_authority())),
    )
    try:
        yield made
    finally:
        made.close()


def _authority() -> Path:
    return Path(os.environ.get("AUTHORITY") or Path(__file__).parents[2] / AUTHORITY)
