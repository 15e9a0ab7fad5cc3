"""The control plane is private, keeps its log and encrypts its secrets."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, texts

_LOGS = {"api", "audit", "authenticator", "controllerManager", "scheduler"}


def _check(resource: Resource) -> Iterator[str]:
    public = resource.at("vpcConfig", "endpointPublicAccess")
    cidrs = texts(resource.at("vpcConfig", "publicAccessCidrs"))
    if public is not False and (not cidrs or "0.0.0.0/0" in cidrs):
        yield "its endpoint is open to the internet"
    if resource.at("vpcConfig", "endpointPrivateAccess") is not True:
        yield "vpcConfig.endpointPrivateAccess is not true"
    if "secrets" not in texts(resource.at("encryptionConfig", "resources")):
        yield "encryptionConfig does not name secrets"
    missing = _LOGS - set(texts(resource.at("enabledClusterLogTypes")))
    if missing:
        yield f"enabledClusterLogTypes lacks {', '.join(sorted(missing))}"
    if resource.at("accessConfig", "authenticationMode") in {None, "CONFIG_MAP"}:
        yield "accessConfig.authenticationMode is not API"
    if resource.at("deletionProtection") is False:
        yield "deletionProtection is false"


RULE = Rule(
    id="aws-eks",
    title="Clusters are private, encrypt secrets and keep every log",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP EKS.1",
        "FSBP EKS.3",
        "FSBP EKS.8",
        "CIS EKS 2.1.1",
        "CIS EKS 5.3.1",
        "CIS EKS 5.4.2",
    ),
    remediation="set endpointPublicAccess: false, encryptionConfig for secrets and enabledClusterLogTypes",
    types=frozenset({"aws:eks/cluster:Cluster"}),
    check=_check,
)
