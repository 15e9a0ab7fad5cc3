"""All images are scanned again and again, as weaknesses become known after they were pushed."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("scanType") != "ENHANCED":
        yield "scanType is not ENHANCED"
    if "CONTINUOUS_SCAN" not in [at(each, "scanFrequency") for each in items(resource.at("rules"))]:
        yield "no rule says CONTINUOUS_SCAN"


RULE = Rule(
    id="aws-ecr-scanning",
    title="Registries scan what they hold continuously",
    severity=Severity.HIGH,
    frameworks=("FSBP ECR.1", "CIS EKS 5.1.1"),
    remediation="set scanType: ENHANCED and a rule with scanFrequency: CONTINUOUS_SCAN",
    types=frozenset({"aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"}),
    check=_check,
)
