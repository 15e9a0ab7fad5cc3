"""An agent's alarms on ECS.  (docs/ecs.md)"""

from __future__ import annotations

from pulumi_aws import cloudwatch

from components.agents.ecs_platform import Frame
from components.aws import child
from components.observability import aws


def alarm(frame: Frame, short: str, watch: aws.Watch) -> cloudwatch.MetricAlarm:
    """One of them, which tells the environment's topic. `short`: the end of its name."""
    return aws.alarm(
        f"{frame.name}-{short}",
        watch,
        physical=f"{frame.physical}-{short}",
        topic=frame.platform.alarm_topic,
        tags=frame.tags,
        opts=child(frame.parent),
    )
