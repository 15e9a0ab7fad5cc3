"""What Karpenter needs of AWS: rights, and news of machines that are about to go.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi
from pulumi_aws import cloudwatch, sqs
from pydantic import JsonValue

from components.aws import Scope, child, document, statement
from components.cluster.pod_identity import PodIdentityArgs, pod_identity

COMPONENT = "cluster"
NAMESPACE, ACCOUNT = "kube-system", "karpenter"
KEEP_SECONDS = 300
EVENTS: Mapping[str, dict[str, list[str]]] = MappingProxyType(
    {
        "health": {"source": ["aws.health"], "detail-type": ["AWS Health Event"]},
        "spot": {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]},
        "rebalance": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"]},
        "state": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
    }
)
READ = (
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
    "pricing:GetProducts",
    "ssm:GetParameter",
)
MAKE = ("ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateTags", "ec2:RunInstances")
END = ("ec2:DeleteLaunchTemplate", "ec2:TerminateInstances")
PROFILES = (
    "iam:AddRoleToInstanceProfile",
    "iam:CreateInstanceProfile",
    "iam:DeleteInstanceProfile",
    "iam:GetInstanceProfile",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:TagInstanceProfile",
)
QUEUE = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")


@dataclass(frozen=True, kw_only=True)
class KarpenterArgs:
    """`node_role_arn`: of the nodes that it makes."""

    scope: Scope
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    node_role_arn: pulumi.Input[str]


class Karpenter(pulumi.ComponentResource):
    """The role of the controller, by Pod Identity, and its queue of interruptions. It ends only what it has made.

    The controller itself is its own chart's, put in by who runs the cluster (docs/aws.md).
    """

    def __init__(self, name: str, args: KarpenterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:cluster:Karpenter", name, None, opts)
        self._name, self._args = name, args
        queue = self._queue()
        rights = pulumi.Output.all(args.cluster_arn, args.node_role_arn, queue.arn).apply(
            lambda arns: self._rights(*arns)
        )
        identity = PodIdentityArgs(
            scope=args.scope,
            component=COMPONENT,
            part="karpenter",
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            account=ACCOUNT,
            policy=rights,
        )
        pod_identity(name, identity, self)
        self.register_outputs({})

    def _queue(self) -> sqs.Queue:
        scope = self._args.scope
        queue = sqs.Queue(
            self._name,
            name=scope.name("karpenter"),
            message_retention_seconds=KEEP_SECONDS,
            sqs_managed_sse_enabled=True,
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        senders: dict[str, JsonValue] = {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]}
        sqs.QueuePolicy(
            self._name,
            queue_url=queue.url,
            policy=document(
                statement("sqs:SendMessage", scope.arn("sqs", scope.name("karpenter")), principal=senders, sid="Events")
            ),
            opts=child(self),
        )
        for short, pattern in EVENTS.items():
            rule = cloudwatch.EventRule(
                f"{self._name}-{short}",
                name=scope.name(f"karpenter-{short}"),
                event_pattern=json.dumps(pattern),
                tags=scope.tags(COMPONENT),
                opts=child(self),
            )
            cloudwatch.EventTarget(f"{self._name}-{short}", rule=rule.name, arn=queue.arn, opts=child(self))
        return queue

    def _rights(self, cluster: str, node_role: str, queue: str) -> str:
        name = self._args.scope.name("cluster")
        own: dict[str, JsonValue] = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{name}": "owned"}}
        asked: dict[str, JsonValue] = {
            "StringEqualsIfExists": {f"aws:RequestTag/kubernetes.io/cluster/{name}": "owned"}
        }
        return document(
            statement(READ, sid="Read"),
            statement(MAKE, condition=asked, sid="Make"),
            statement(END, condition=own, sid="EndItsOwn"),
            statement(PROFILES, self._args.scope.arn("iam", "instance-profile/*", region=""), sid="Profiles"),
            statement(
                "iam:PassRole",
                node_role,
                condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
                sid="NodeRole",
            ),
            statement("eks:DescribeCluster", cluster, sid="Cluster"),
            statement(QUEUE, queue, sid="Interruptions"),
        )
