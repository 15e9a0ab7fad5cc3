"""Nothing that holds data is thrown away with what is in it."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("forceDestroy") is True:
        yield "forceDestroy is true"


RULE = Rule(
    id="aws-force-destroy",
    title="Nothing that holds data is deleted with its content",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 CP-9",),
    remediation="leave forceDestroy at false",
    types=frozenset({"aws:s3/bucket:Bucket", "aws:route53/zone:Zone"}),
    check=_check,
)
