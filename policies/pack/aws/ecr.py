"""An image that was tested stays what it was, and is scanned."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("imageTagMutability") != "IMMUTABLE":
        yield "imageTagMutability is not IMMUTABLE"
    if resource.at("imageScanningConfiguration", "scanOnPush") is not True:
        yield "imageScanningConfiguration.scanOnPush is not true"
    if "KMS" not in [at(each, "encryptionType") for each in items(resource.at("encryptionConfigurations"))]:
        yield "is not encrypted with KMS"
    if resource.at("forceDelete") is True:
        yield "forceDelete is true"


RULE = Rule(
    id="aws-ecr",
    title="Repositories keep tags for good, scan what is pushed and are encrypted",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP ECR.1",
        "FSBP ECR.2",
        "FSBP ECR.5",
        "CIS EKS 5.1.1",
    ),
    remediation="set imageTagMutability: IMMUTABLE, scanOnPush and encryptionConfigurations KMS",
    types=frozenset({"aws:ecr/repository:Repository"}),
    check=_check,
)
