"""A registry is scanned, and old images leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    scanned = any(each.type.endswith(":RegistryScanningConfiguration") for each in resources)
    kept = [each for each in resources if each.type.endswith(":LifecyclePolicy")]
    for repository in (each for each in resources if each.type == "aws:ecr/repository:Repository"):
        if not scanned:
            yield repository, "its registry has no RegistryScanningConfiguration"
        # By name where that is known, otherwise by the resource's own.
        if not any(each.name == repository.name or each.at("repository") == repository.at("name") for each in kept):
            yield repository, "has no LifecyclePolicy"


RULE = Rule(
    id="aws-ecr-parts",
    title="Repositories come with scans and a lifecycle",
    severity=Severity.MEDIUM,
    frameworks=("FSBP ECR.3", "FSBP ECR.1"),
    remediation="declare a RegistryScanningConfiguration, and a LifecyclePolicy for each repository",
    types=frozenset({"aws:ecr/repository:Repository"}),
    stack=_check,
)
