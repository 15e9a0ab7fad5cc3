"""Databases are reached by named clients in their own network, with passwords that nobody writes down."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items

_FIRST_GUESSES = {"admin", "administrator", "postgres", "root"}


def _check(resource: Resource) -> Iterator[str]:
    for key in ("iamDatabaseAuthenticationEnabled", "manageMasterUserPassword"):
        if resource.at(key) is not True:
            yield f"{key} is not true"
    if resource.at("username") in _FIRST_GUESSES:
        yield f"the first user is {resource.at('username')}"
    for key in ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"):
        if resource.at(key) is None:
            yield f"{key} is not set: a key of AWS, that no policy of ours is about"
    for key in ("dbSubnetGroupName", "parameterGroupName"):
        if resource.at(key) is None:
            yield f"{key} is not set: the account's default"
    if not items(resource.at("vpcSecurityGroupIds")):
        yield "vpcSecurityGroupIds is empty: the default group"
    if resource.at("deleteAutomatedBackups") is not False:
        yield "deleteAutomatedBackups is not false"


RULE = Rule(
    id="aws-rds-access",
    title="Databases have keys, groups and passwords of their own",
    severity=Severity.HIGH,
    frameworks=("FSBP RDS.10", "FSBP RDS.25", "NIST SP 800-53r5 SC-12"),
    remediation="set what is missing; deleteAutomatedBackups: false, and a user name that nobody guesses",
    types=frozenset({"aws:rds/instance:Instance"}),
    check=_check,
)
