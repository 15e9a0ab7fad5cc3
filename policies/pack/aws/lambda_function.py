"""What a function is told is encrypted with a key of ours, and what it writes goes to a log that ends."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("environment", "variables") and not resource.at("kmsKeyArn"):
        yield "its variables are not encrypted with a key of ours"
    if not resource.at("loggingConfig", "logGroup"):
        yield "it writes to a log group that nobody made, which keeps all for ever"


RULE = Rule(
    id="aws-lambda",
    title="Functions have their variables encrypted and their logs kept for a time",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 SC-28", "NIST SP 800-53r5 AU-11"),
    remediation="set kmsKeyArn and loggingConfig.logGroup",
    types=frozenset({"aws:lambda/function:Function"}),
    check=_check,
)
