"""What is set up inside OpenBao, once by root and for each tenant by the operator. Each can be run twice."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import JsonValue

from components.data.names import DATABASE as DATABASE_NAME
from components.data.names import POSTGRES_HOST, POSTGRES_PORT
from components.data.tenant_users import database_owner
from components.domains.names import NAME as DOMAINS
from components.domains.names import NAMESPACE as DOMAINS_NAMESPACE
from components.secrets.kinds import Audit, Kind
from components.secrets.names import (
    AUDIENCE,
    DATABASE,
    KUBERNETES,
    KV,
    MESH_AUTHORITY,
    NAMESPACE,
    OPERATOR,
    PKI,
    ROTATOR,
    SNAPSHOTS,
    TENANT_ACCOUNT,
    TRANSIT,
    forgetting_role,
    tenant_role,
)
from components.secrets.server import TLS
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.secrets import pki, rules
from local.secrets.api import Api, Refused, data

CONNECTION = "postgres"
MARK = f"{KV}/data/platform/configuration"
MOUNT_SECONDS = 30.0
LOGIN_TTL = "15m"
# Its own token and the cluster's authority stand in its pod, and are read again when they change.
REVIEWER: dict[str, JsonValue] = {"kubernetes_host": "https://kubernetes.default.svc"}
# An agent is handed a new user a quarter of an hour before its last one ends (components/agents/secrets.py).
CREDENTIAL_TTL, CREDENTIAL_MAX_TTL = "1h", "2h"


@dataclass(frozen=True, kw_only=True)
class Database:
    """The role that makes roles, and its password of the moment, which OpenBao changes as soon as it has it."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How OpenBao reaches a database. `authority`: a file in its pod, that the database's certificate is checked by."""

    host: str
    port: int
    name: str
    authority: str

    def config(self, given: Database, roles: Iterable[str]) -> dict[str, JsonValue]:
        """Of OpenBao's connection. `roles`: what it is for."""
        return {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": [*roles],
            "connection_url": "postgresql://{{username}}:{{password}}"
            f"@{self.host}:{self.port}/{self.name}?sslmode=verify-full&sslrootcert={self.authority}",
            "username": given.username,
            "password": given.password,
            "password_authentication": "scram-sha-256",
        }


# Signed by the authority that signs OpenBao's own.
INSIDE = Connection(host=POSTGRES_HOST, port=POSTGRES_PORT, name=DATABASE_NAME, authority=f"{TLS}/ca.crt")


def accounts(kind: Kind) -> Mapping[str, tuple[str, str]]:
    """Who root lets in, by the one name of account, role and policy: where the account is, and what it may."""
    return {
        OPERATOR: (NAMESPACE, rules.operator_policy(kind)),
        ROTATOR: (NAMESPACE, rules.ROTATOR_POLICY),
        SNAPSHOTS: (NAMESPACE, rules.SNAPSHOTS_POLICY),
        MESH_AUTHORITY: (NAMESPACE, rules.MESH_AUTHORITY_POLICY),
        DOMAINS: (DOMAINS_NAMESPACE, rules.DOMAINS_POLICY),
    }


def fingerprint(kind: Kind) -> str:
    """Another for any other set-up by root."""
    text = (
        "".join(policy for _, policy in accounts(kind).values())
        + inspect.getsource(base)
        + inspect.getsource(audits)
        + inspect.getsource(mounts)
        + inspect.getsource(_role)
        + pki.LIFE
    )
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(asking: Api) -> bool:
    """Whether root's part is what this version wants. `asking`: the operator."""
    found = data(asking.find(MARK) or {}).get("data")
    set_up = isinstance(found, dict) and found.get("fingerprint") == fingerprint(asking.kind)
    return set_up and not _without(asking)


def base(asking: Api) -> None:
    """Root's part: audit devices, mounts, the way in by service account, the operator and the rotator."""
    audits(asking)
    mounts(asking)
    if f"{KUBERNETES}/" not in data(asking.read("sys/auth")):
        asking.write(f"sys/auth/{KUBERNETES}", {"type": "kubernetes"})
    asking.write(f"auth/{KUBERNETES}/config", REVIEWER)
    for name, (namespace, policy) in accounts(asking.kind).items():
        asking.write(f"sys/policies/acl/{name}", {"policy": policy})
        asking.write(f"auth/{KUBERNETES}/role/{name}", _role(name, namespace, name))


def audits(asking: Api) -> None:
    """Have both audit devices write, where the server's file does not name them. Before all else: what was asked before
    is written nowhere.
    """
    for device in _without(asking):
        asking.write(f"sys/audit/{device.path.rstrip('/')}", device.body())


def _without(asking: Api) -> list[Audit]:
    """The audit devices that are to be enabled yet."""
    wanted = asking.kind.audits
    known = data(asking.read("sys/audit")) if wanted else {}
    return [device for device in wanted if device.path not in known]


def mounts(asking: Api) -> None:
    """The engines: versioned secrets, database users, encryption, certificates."""
    _mount(asking, KV, {"type": "kv", "options": {"version": "2"}})
    _settled(asking)
    _mount(asking, DATABASE, {"type": "database"})
    _mount(asking, TRANSIT, {"type": "transit"})
    _mount(asking, PKI, pki.MOUNT)


def mark(asking: Api) -> None:
    """Say that root's part is done. Written last."""
    asking.write(MARK, {"data": {"fingerprint": fingerprint(asking.kind)}})


def has_database(asking: Api) -> bool:
    """Whether OpenBao knows the way into the database."""
    return asking.find(f"{DATABASE}/config/{CONNECTION}") is not None


def database(asking: Api, given: Database, connection: Connection = INSIDE) -> None:
    """Let OpenBao make the database's users; from here on it alone knows the password."""
    asking.write(f"{DATABASE}/config/{CONNECTION}", connection.config(given, ["tenant-*"]))
    asking.write(f"{DATABASE}/rotate-root/{CONNECTION}")


def tenants(asking: Api, wanted: Iterable[str], *, all_: bool = False) -> list[str]:
    """The operator's part: what each tenant needs; gives those that something was done for.

    `all_`: also for those that are known already.
    """
    known = set(asking.names(f"auth/{KUBERNETES}/role"))
    new = [tenant for tenant in wanted if all_ or tenant_role(tenant) not in known]
    if new:
        accessor = data(asking.read("sys/auth"))[f"{KUBERNETES}/"]
        mount = str(accessor["accessor"]) if isinstance(accessor, dict) else ""
        for tenant in new:
            _tenant(asking, tenant, mount)
    return new


def forget(asking: Api, tenant: str, *, database: bool) -> None:
    """Take away a tenant's way in, its database users, its key and all versions of its secrets.

    `database`: there is one; all that the tenant's agents made in it goes too.
    """
    role = tenant_role(tenant)
    asking.delete(f"auth/{KUBERNETES}/role/{role}")
    # While the role still says how its users end.
    asking.write(f"sys/leases/revoke-prefix/{DATABASE}/creds/{role}")
    if database:
        once(asking, forgetting_role(tenant), [_removal(database_owner(tenant))], CONNECTION)
    key = f"{TRANSIT}/keys/{role}"
    if asking.find(key) is not None:
        asking.write(f"{key}/config", {"deletion_allowed": True})
        asking.delete(key)
    for path in (
        f"{DATABASE}/roles/{role}",
        f"identity/entity/name/{role}",
        f"sys/policies/acl/{role}",
    ):
        asking.delete(path)
    _forget_below(asking, f"tenants/{tenant}/")


def once(asking: Api, role: str, statements: Sequence[str], connection: str) -> None:
    """Have the database do something through OpenBao, as whom it connects. `role`: of the database engine, for the
    moment; it makes no user.
    """
    place = f"{DATABASE}/roles/{role}"
    told: dict[str, JsonValue] = {
        "db_name": connection,
        "creation_statements": [*statements],
        # There is no user that could be taken back.
        "revocation_statements": ["SELECT 1;"],
        "default_ttl": "1m",
        "max_ttl": "1m",
    }
    try:
        asking.write(place, told)
        asking.read(f"{DATABASE}/creds/{role}")
    finally:
        asking.write(f"sys/leases/revoke-prefix/{DATABASE}/creds/{role}")
        asking.delete(place)


def _removal(owner: str) -> str:
    """A tenant's role with all that it owns, where it is there."""
    return f"""
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{owner}') THEN
    EXECUTE 'DROP OWNED BY {owner} CASCADE';
    EXECUTE 'DROP ROLE {owner}';
  END IF;
END $$;
"""


def _forget_below(asking: Api, folder: str) -> None:
    for name in asking.names(f"{KV}/metadata/{folder}"):
        if name.endswith("/"):
            _forget_below(asking, folder + name)
        else:
            asking.delete(f"{KV}/metadata/{folder}{name}")


def _tenant(asking: Api, tenant: str, accessor: str) -> None:
    name = tenant_role(tenant)
    asking.write(f"sys/policies/acl/{name}", {"policy": rules.tenant_policy(tenant)})
    asking.write(f"identity/entity/name/{name}", {"metadata": {"tenant": tenant}, "disabled": False})
    entity = data(asking.read(f"identity/entity/name/{name}"))
    alias = f"{tenant}/{TENANT_ACCOUNT}"
    asking.write("identity/entity-alias", {"name": alias, "canonical_id": entity["id"], "mount_accessor": accessor})
    asking.write(f"{DATABASE}/roles/{name}", _database_role(tenant))
    asking.write(f"{TRANSIT}/keys/{name}", {"type": "aes256-gcm96"})
    # The way in last: who is known there has all the rest.
    asking.write(f"auth/{KUBERNETES}/role/{name}", _role(TENANT_ACCOUNT, tenant, name))


def _role(account: str, namespace: str, policy: str) -> dict[str, JsonValue]:
    return {
        "bound_service_account_names": [account],
        "bound_service_account_namespaces": [namespace],
        "audience": AUDIENCE,
        "alias_name_source": "serviceaccount_name",
        "token_policies": [policy],
        "token_no_default_policy": False,
        "token_ttl": LOGIN_TTL,
        "token_max_ttl": LOGIN_TTL,
    }


def _database_role(tenant: str) -> dict[str, JsonValue]:
    """Users that come and go, all of them one role, which owns all that the tenant's agents make."""
    owner = database_owner(tenant)
    create = [
        f"DO $$ BEGIN CREATE ROLE {owner} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        f"GRANT {owner} TO CURRENT_USER;",
        f"CREATE SCHEMA IF NOT EXISTS {owner} AUTHORIZATION {owner};",
        f"CREATE ROLE \"{{{{name}}}}\" LOGIN PASSWORD '{{{{password}}}}' IN ROLE {owner};",
        "ALTER ROLE \"{{name}}\" VALID UNTIL '{{expiration}}';",
        f'ALTER ROLE "{{{{name}}}}" SET role = {owner};',
        f'ALTER ROLE "{{{{name}}}}" SET search_path = {owner};',
    ]
    revoke = [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';",
        'DROP ROLE IF EXISTS "{{name}}";',
    ]
    return {
        "db_name": CONNECTION,
        "creation_statements": [*create],
        "revocation_statements": [*revoke],
        "default_ttl": CREDENTIAL_TTL,
        "max_ttl": CREDENTIAL_MAX_TTL,
    }


def _settled(asking: Api) -> None:
    """A new KV mount refuses everything until it has made itself ready for versions."""

    def taken() -> bool:
        try:
            asking.write(f"{KV}/config", {"max_versions": 10})
        except Refused as error:
            if error.status != HTTPStatus.BAD_REQUEST or "Upgrading" not in error.what:
                raise
            return False
        return True

    if not wait_until(taken, MOUNT_SECONDS):
        raise UserError(what=f"{asking.kind.called}'s store does not become ready", fix="groundwork vault status")


def _mount(asking: Api, path: str, body: dict[str, JsonValue]) -> None:
    if f"{path}/" not in data(asking.read("sys/mounts")):
        try:
            asking.write(f"sys/mounts/{path}", body)
        except Refused as error:
            if error.status != HTTPStatus.BAD_REQUEST or "in use" not in error.what:
                raise
