"""Whoever enters a task is written down, in a log that is encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity

_PATH = ("configuration", "executeCommandConfiguration")


def _check(resource: Resource) -> Iterator[str]:
    if resource.at(*_PATH, "logging") != "OVERRIDE":
        yield "what is done in tasks is not logged"
    if resource.at(*_PATH, "logConfiguration", "cloudWatchEncryptionEnabled") is not True:
        yield "the log of what is done in tasks is not encrypted"
    if resource.at(*_PATH, "kmsKeyId") is None:
        yield "the session into a task has no kmsKeyId"


RULE = Rule(
    id="aws-ecs-exec",
    title="Sessions into tasks are encrypted and written down",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 AU-2", "NIST SP 800-53r5 SC-8"),
    remediation="set executeCommandConfiguration: logging OVERRIDE, kmsKeyId, cloudWatchEncryptionEnabled",
    types=frozenset({"aws:ecs/cluster:Cluster"}),
    check=_check,
)
