"""Certificates are strong, written in the public logs, and renewed by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity

_STRONG = ("EC_", "RSA_2048", "RSA_3072", "RSA_4096")
_PATH = ("certificateAuthorityConfiguration",)


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.startswith("aws:acmpca/"):
        algorithm, signing = resource.at(*_PATH, "keyAlgorithm"), resource.at(*_PATH, "signingAlgorithm")
        if not str(signing).startswith(("SHA256", "SHA384", "SHA512")):
            yield f"signingAlgorithm is {signing}"
        waits = resource.at("permanentDeletionTimeInDays")
        if isinstance(waits, int | float) and waits < 14:
            yield "permanentDeletionTimeInDays is below 14"
    else:
        algorithm = resource.at("keyAlgorithm") or "RSA_2048"
        if resource.at("options", "certificateTransparencyLoggingPreference") == "DISABLED":
            yield "is in no public log"
        if resource.at("validationMethod") != "DNS":
            yield "validationMethod is not DNS: nobody renews it"
    if not str(algorithm).startswith(_STRONG):
        yield f"keyAlgorithm is {algorithm}"


RULE = Rule(
    id="aws-certificates",
    title="Certificates are strong and renewed by themselves",
    severity=Severity.HIGH,
    frameworks=("FSBP ACM.1", "FSBP ACM.2"),
    remediation="set keyAlgorithm: EC_prime256v1, validationMethod: DNS, a signing algorithm of SHA256 or more",
    types=frozenset({"aws:acm/certificate:Certificate", "aws:acmpca/certificateAuthority:CertificateAuthority"}),
    check=_check,
)
