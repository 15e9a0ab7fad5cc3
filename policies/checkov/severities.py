"""How bad a breach of checkov's checks is. It gives no severities offline: these are ours."""

from __future__ import annotations

from policies.rule import Severity

# What would let somebody in, or lose data; by checkov's own numbers.
_HIGH = frozenset(
    {
        "CKV_AWS_16",  # RDS is encrypted
        "CKV_AWS_17",  # RDS is not public
        "CKV_AWS_24",  # no SSH from everywhere
        "CKV_AWS_25",  # no RDP from everywhere
        "CKV_AWS_29",  # ElastiCache is encrypted at rest
        "CKV_AWS_30",  # ElastiCache is encrypted in transit
        "CKV_AWS_301",  # functions are not called by everybody
        "CKV_AWS_364",  # a service calls them for this account
        "CKV_AWS_39",  # the EKS endpoint is not public
        "CKV_AWS_53",  # S3 blocks public ACLs
        "CKV_AWS_54",  # S3 blocks public policies
        "CKV_AWS_55",  # S3 ignores public ACLs
        "CKV_AWS_56",  # S3 restricts public buckets
        "CKV_AWS_58",  # EKS encrypts secrets
        "CKV_AWS_62",  # no policy of all actions on all resources
        "CKV_AWS_63",  # no policy of all actions
        "CKV_AWS_79",  # IMDSv2
        "CKV_K8S_16",  # no privileged container
        "CKV_K8S_17",  # no host PID
        "CKV_K8S_18",  # no host IPC
        "CKV_K8S_19",  # no host network
        "CKV_K8S_20",  # no privilege escalation
        "CKV_K8S_23",  # no root container
        "CKV_K8S_25",  # no added capability
        "CKV_K8S_27",  # no Docker socket
        "CKV_K8S_49",  # no wildcard in roles
    }
)


def severity_of(check: str) -> Severity:
    """`high` for those of the table, `medium` for every other."""
    return Severity.HIGH if check in _HIGH else Severity.MEDIUM
