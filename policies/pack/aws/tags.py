"""What stands in an account says whose it is and who pays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, Value, at, entries

_PROVIDER = "pulumi:providers:aws"
_WANTED = ("groundwork:environment", "groundwork:cost-centre")


# What AWS keeps no tags for, by the end of the type.
_UNTAGGED = {
    "AccessPolicyAssociation", "Alias", "Attachment", "BucketLifecycleConfiguration", "BucketObjectLockConfiguration",
    "BucketOwnershipControls", "BucketPolicy", "BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "CertificateAuthorityCertificate", "CertificateValidation", "ClusterCapacityProviders", "Dashboard",
    "HostedZoneDnsSec", "KeySigningKey", "LifecyclePolicy", "LogMetricFilter", "Record",
    "RegistryScanningConfiguration", "ReplicationConfiguration", "RolePolicyAttachment", "Route",
    "RouteTableAssociation", "SecretRotation", "Selection", "TopicPolicy", "TopicSubscription",
    "VaultLockConfiguration", "WebAclAssociation", "WebAclLoggingConfiguration",
}  # fmt: skip
_UNTAGGED_TYPES = {
    "aws:acmpca/certificate:Certificate",
    "aws:appautoscaling/policy:Policy",
    "aws:lambda/permission:Permission",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
}


def may_be_tagged(type_: str) -> bool:
    """Whether AWS keeps tags of resources of this Pulumi type."""
    kept = type_.rpartition(":")[2] not in _UNTAGGED and type_ not in _UNTAGGED_TYPES
    return kept and type_.startswith("aws:")


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """By the tags that every provider adds, or by its own."""
    by_default = [_missing(_tags(each.at("defaultTags"))) for each in resources if each.type == _PROVIDER]
    added = set(_WANTED).difference(*by_default) if by_default else set()
    for resource in resources:
        missing = [tag for tag in _missing(resource.at("tags")) if tag not in added]
        if missing and may_be_tagged(resource.type):
            yield resource, f"no tag {', '.join(missing)}"


def _missing(tags: Value) -> list[str]:
    given = {key for key, _ in entries(tags)}
    return [tag for tag in _WANTED if tag not in given]


def _tags(given: Value) -> Value:
    """A provider's settings reach the engine as JSON text."""
    return at(json.loads(given) if isinstance(given, str) else given, "tags")


RULE = Rule(
    id="aws-tags",
    title="Resources carry the tags of their owner",
    severity=Severity.MEDIUM,
    frameworks=(
        "FSBP: Tagging",
        "CIS AWS: resource inventory",
    ),
    remediation="take the tags from the provider (defaultTags) or from components.labels",
    # Every stack with AWS resources has one.
    types=frozenset({_PROVIDER}),
    stack=_check,
)
