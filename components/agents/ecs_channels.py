"""Channels of agents on ECS: a queue for each agent that subscribes, and who may write to it.  (docs/ecs.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, iam, sqs
from pydantic import JsonValue

from components.agents.ecs_platform import Frame
from components.agents.manifest import AgentManifest
from components.aws import Scope, child, document, statement

COMPONENT = "agent"
# A message that an agent took so often and never deleted goes aside.
ATTEMPTS = 5
# How long one waits for an agent that is not there, and one set aside for somebody to look at it; seconds.
KEPT, KEPT_ASIDE = 4 * 86400, 14 * 86400


@dataclass(frozen=True, kw_only=True)
class InboxArgs:
    """Of one agent. `alarm_topic`: hears of messages that were set aside."""

    manifest: AgentManifest
    tenant: str
    scope: Scope
    alarm_topic: pulumi.Input[str]


class Inbox(pulumi.ComponentResource):
    """An agent's queue, and the one beside it for what it could not do. `name`: of the first, in CloudWatch too."""

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: InboxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:agents:Inbox", name, None, opts)
        self._name, self._args = name, args
        self._tags = args.scope.tags(COMPONENT, tenant=args.tenant) | {"groundwork:agent": args.manifest.name}
        physical = args.scope.name(f"{args.tenant}-{args.manifest.name}")
        aside = self._queue(f"{name}-aside", f"{physical}-aside", KEPT_ASIDE)
        redrive = aside.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": ATTEMPTS}))
        queue = self._queue(name, physical, KEPT, redrive)
        self._alarm(aside, f"{physical}-aside")
        self.url, self.arn, self.name = queue.url, queue.arn, queue.name
        self.register_outputs({"url": self.url})

    def _queue(self, name: str, physical: str, kept: int, redrive: pulumi.Input[str] | None = None) -> sqs.Queue:
        return sqs.Queue(
            name,
            name=physical,
            message_retention_seconds=kept,
            # Longer than an answer of the model may take.
            visibility_timeout_seconds=int(self._args.manifest.spec.model.timeout.total_seconds()) + 60,
            receive_wait_time_seconds=20,
            sqs_managed_sse_enabled=True,
            redrive_policy=redrive,
            tags=self._tags,
            opts=child(self),
        )

    def _alarm(self, aside: sqs.Queue, physical: str) -> None:
        topic = self._args.alarm_topic
        cloudwatch.MetricAlarm(
            f"{self._name}-aside",
            name=physical,
            alarm_description=f"{self._args.manifest.name} of {self._args.tenant} gave messages up (docs/ecs.md)",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": aside.name},
            statistic="Maximum",
            period=60,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=self._tags,
            opts=child(self),
        )


def reach(frame: Frame, role: iam.Role, inbox: Inbox | None, reached: Mapping[str, Sequence[Inbox]]) -> None:
    """Give an agent's identity its own queue to take from, and those of its channels' subscribers to write to."""
    others = [queue for _, queues in sorted(reached.items()) for queue in queues]
    if inbox is None and not others:
        return
    arns = pulumi.Output.all(own=inbox.arn if inbox else "", others=[queue.arn for queue in others])
    made = iam.Policy(
        f"{frame.name}-channels",
        name=f"{frame.physical}-channels",
        policy=arns.apply(lambda known: _policy(known["own"], known["others"])),
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )
    iam.RolePolicyAttachment(f"{frame.name}-channels", role=role.name, policy_arn=made.arn, opts=child(frame.parent))


def _policy(own: str, others: Sequence[str]) -> str:
    take = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
    statements = [statement(take, own, sid="Take")] if own else []
    if others:
        statements.append(statement("sqs:SendMessage", sorted(set(others)), sid="Publish"))
    return document(*statements)


def described(inbox: Inbox | None, reached: Mapping[str, Sequence[Inbox]]) -> pulumi.Output[str]:
    """What the agent reads in AGENT_CHANNELS: addresses of queues, as JSON."""
    addresses = {subject: [queue.url for queue in queues] for subject, queues in reached.items()}
    known = pulumi.Output.all(own=inbox.url if inbox else "", publish=addresses)

    def text(given: Mapping[str, JsonValue]) -> str:
        own: dict[str, JsonValue] = {"subscribe": given["own"]} if given["own"] else {}
        return json.dumps({**own, "publish": given["publish"]}, sort_keys=True) if own or given["publish"] else ""

    return known.apply(text)
