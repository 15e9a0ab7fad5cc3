"""Keys are renewed, and are not gone at once when somebody deletes them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    symmetric = resource.at("customerMasterKeySpec") in {None, "SYMMETRIC_DEFAULT"}
    if symmetric and resource.at("enableKeyRotation") is not True:
        yield "enableKeyRotation is not true"
    window = resource.at("deletionWindowInDays")
    if isinstance(window, int | float) and window < 14:
        yield "deletionWindowInDays is below 14"


RULE = Rule(
    id="aws-kms",
    title="Keys rotate, and wait before they are deleted",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP KMS.4",
        "CIS AWS 3.6",
    ),
    remediation="set enableKeyRotation: true and deletionWindowInDays of 30",
    types=frozenset({"aws:kms/key:Key"}),
    check=_check,
)
