"""Logs are kept as long as somebody has said, under a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if not resource.at("retentionInDays"):
        yield "retentionInDays is not set: kept for ever"
    if resource.at("kmsKeyId") is None:
        yield "kmsKeyId is not set"


RULE = Rule(
    id="aws-log-group",
    title="Log groups have a retention and a key",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP CloudWatch.16",
        "NIST SP 800-53r5 AU-11",
    ),
    remediation="set retentionInDays and kmsKeyId",
    types=frozenset({"aws:cloudwatch/logGroup:LogGroup"}),
    check=_check,
)
