"""Rotates a secret: what AWS Lambda runs, with nothing beside boto3.  (docs/ecs.md)

Secrets Manager calls it four times for each rotation. The new value stands in the field `value`, the one before it in
`previous`; other fields stay. At last the services that were given the value get new tasks, since a task reads it when
it starts. No value is logged.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any, TypeAlias

import boto3
from botocore.exceptions import ClientError

VALUE, PREVIOUS, BYTES = "value", "previous", 32
# boto3 makes its clients' classes when it runs.
Client: TypeAlias = Any
_GONE = ("ServiceNotFoundException", "ServiceNotActiveException")


def handler(event: Mapping[str, str], _context: object) -> None:
    """One step. Raises ValueError for a version that is none of a rotation, and whatever AWS refuses."""
    store, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    stages = store.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next((version for version, names in stages.items() if "AWSCURRENT" in names), None)
    if token != current and "AWSPENDING" not in stages.get(token, ()):
        raise ValueError("this version is not being rotated to")
    step = event["Step"]
    if step == "createSecret":
        _create(store, secret, token)
    elif step == "testSecret":
        _test(store, secret, token)
    elif step == "finishSecret":
        _finish(store, secret, token, current)
        _renew(secret)


def _create(store: Client, secret: str, token: str) -> None:
    """Run again for the same version, it keeps the value that it made."""
    if (_fields(store, secret, VersionId=token, VersionStage="AWSPENDING") or {}).get(VALUE):
        return
    before = _fields(store, secret, VersionStage="AWSCURRENT") or {}
    kept = {PREVIOUS: before[VALUE]} if VALUE in before else {}
    text = json.dumps({**before, **kept, VALUE: secrets.token_urlsafe(BYTES)})
    store.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString=text, VersionStages=["AWSPENDING"])


def _test(store: Client, secret: str, token: str) -> None:
    made = _fields(store, secret, VersionId=token) or {}
    if not made.get(VALUE) or made[VALUE] == made.get(PREVIOUS):
        raise ValueError("the version has no new value")


def _finish(store: Client, secret: str, token: str, current: str | None) -> None:
    if token != current:
        moved = {"RemoveFromVersionId": current} if current else {}
        store.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, **moved)


def _renew(secret: str) -> None:
    """New tasks for who was given the value. A service that is not there yet, or no longer, needs none."""
    runtime, cluster = boto3.client("ecs"), os.environ["CLUSTER"]
    for service in json.loads(os.environ["SERVICES"]).get(secret, ()):
        try:
            runtime.update_service(cluster=cluster, service=service, forceNewDeployment=True)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


def _fields(store: Client, secret: str, **version: str) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(store.get_secret_value(SecretId=secret, **version)["SecretString"])
    except store.exceptions.ResourceNotFoundException:
        return None
    return found
