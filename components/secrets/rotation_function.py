"""Rotates a secret: what AWS Lambda runs, with nothing beside boto3.  (docs/ecs.md)

Secrets Manager calls it four times for each rotation. The new value stands in the field `value`, the one before it in
`previous`; other fields stay. At last the services that were given the value get new tasks, since a task reads it when
it starts. No value is logged.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import boto3
from botocore.exceptions import ClientError

VALUE, PREVIOUS, BYTES = "value", "previous", 32
# boto3 makes its clients' classes when it runs.
Client: TypeAlias = Any
Fields: TypeAlias = dict[str, str]
_GONE = ("ServiceNotFoundException", "ServiceNotActiveException")


@dataclass(frozen=True)
class Kind:
    """How secrets of one kind are rotated. All are given the secret's name.

    `key`: a field that every version has. `make`: the fields of the next version, from those before. `set`: makes them
    hold. `test`: raises where they do not. `services`: ARN or name of who was given them.
    """

    key: str
    make: Callable[[str, Fields], Fields]
    set: Callable[[str, Fields], None]
    test: Callable[[str, Fields], None]
    services: Callable[[str], Iterable[str]]


def handler(event: Mapping[str, str], _context: object) -> None:
    """One step. Raises ValueError for a version that is none of a rotation, and whatever AWS refuses."""
    served: dict[str, list[str]] = json.loads(os.environ["SERVICES"])
    rotate(event, Kind(VALUE, _made, _nothing, _tested, lambda _name: served.get(event["SecretId"], ())))


def rotate(event: Mapping[str, str], kind: Kind) -> None:
    """One step of a rotation. Raises ValueError for a version that is none of it."""
    store, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    known = store.describe_secret(SecretId=secret)
    name, stages = known["Name"], known["VersionIdsToStages"]
    current = next((version for version, names in stages.items() if "AWSCURRENT" in names), None)
    if token != current and "AWSPENDING" not in stages.get(token, ()):
        raise ValueError("this version is not being rotated to")
    step = event["Step"]
    if step == "createSecret":
        _create(store, secret, token, lambda before: kind.make(name, before), kind.key)
    elif step == "setSecret":
        kind.set(name, _fields(store, secret, VersionId=token) or {})
    elif step == "testSecret":
        kind.test(name, _fields(store, secret, VersionId=token) or {})
    elif step == "finishSecret":
        _finish(store, secret, token, current)
        _renew(kind.services(name))


def _create(store: Client, secret: str, token: str, make: Callable[[Fields], Fields], key: str) -> None:
    """Run again for the same version, it keeps the value that it made."""
    if (_fields(store, secret, VersionId=token, VersionStage="AWSPENDING") or {}).get(key):
        return
    text = json.dumps(make(_fields(store, secret, VersionStage="AWSCURRENT") or {}))
    store.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=text, VersionStages=["AWSPENDING"])


def _made(_name: str, before: Fields) -> Fields:
    kept = {PREVIOUS: before[VALUE]} if VALUE in before else {}
    return {**before, **kept, VALUE: secrets.token_urlsafe(BYTES)}


def _nothing(_name: str, _made: Fields) -> None:
    """Whoever checks the value reads it from where it stands."""


def _tested(_name: str, made: Fields) -> None:
    if not made.get(VALUE) or made[VALUE] == made.get(PREVIOUS):
        raise ValueError("the version has no new value")


def _finish(store: Client, secret: str, token: str, current: str | None) -> None:
    if token != current:
        moved = {"RemoveFromVersionId": current} if current else {}
        store.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, **moved)


def _renew(services: Iterable[str]) -> None:
    """New tasks for who was given the value. A service that is not there yet, or no longer, needs none."""
    runtime, cluster = boto3.client("ecs"), os.environ["CLUSTER"]
    for service in services:
        try:
            runtime.update_service(cluster=cluster, service=service, forceNewDeployment=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


def _fields(store: Client, secret: str, **version: str) -> Fields | None:
    try:
        found: Fields = json.loads(store.get_secret_value(SecretId=secret, **version)["SecretString"])
    except store.exceptions.ResourceNotFoundException:
        return None
    return found
