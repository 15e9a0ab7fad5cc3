"""No bucket, queue, topic, key or secret is open to everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts


def _check(resource: Resource) -> Iterator[str]:
    policy = resource.at("policy")
    for statement in items(at(json.loads(policy) if isinstance(policy, str) else policy, "Statement")):
        principal = at(statement, "Principal")
        everybody = principal == "*" or "*" in texts(at(principal, "AWS"))
        if at(statement, "Effect") == "Allow" and everybody and not at(statement, "Condition"):
            yield "allows everybody"


RULE = Rule(
    id="aws-resource-policies",
    title="No resource policy allows everybody",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP S3.2",
        "FSBP SQS.3",
        "FSBP SNS.4",
        "FSBP KMS.5",
    ),
    remediation="name the principals, or add a condition on aws:SourceAccount or aws:SourceArn",
    types=frozenset(
        {
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:sqs/queuePolicy:QueuePolicy",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:kms/key:Key",
            "aws:secretsmanager/secretPolicy:SecretPolicy",
        }
    ),
    check=_check,
)
