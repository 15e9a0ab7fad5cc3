"""How many tasks an agent on ECS has, and what its scaling could not mend.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import appautoscaling, ecs

from components.agents.ecs_alarm import alarm
from components.agents.ecs_ingress import WayIn
from components.agents.ecs_platform import Frame
from components.aws import child
from components.observability.aws import Watch

_Tracking = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Custom = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
_Row = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgs
_Stat = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatArgs
_Named = (
    appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs
)
_Dimension = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArgs  # noqa: E501 - one name
_Known = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One of CloudWatch's, in minutes."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, pulumi.Input[str]]


def scale(frame: Frame, service: ecs.Service, way: WayIn | None, queue: pulumi.Input[str] | None) -> None:
    """By CPU; by requests where the load balancer leads to it; by what waits where it has a queue, of that name."""
    scaling, platform = frame.spec.scaling, frame.platform
    scaled = appautoscaling.Target(
        frame.name,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", platform.cluster_name, "/", service.name),
        min_capacity=scaling.min,
        max_capacity=scaling.max,
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )
    cpu = _Known(predefined_metric_type="ECSServiceAverageCPUUtilization")
    _policy(frame, scaled, "cpu", _tracking(scaling.target_cpu_percent, known=cpu))
    if way is not None:
        wanted = frame.spec.limits.requests_per_minute * scaling.target_cpu_percent / 100
        _policy(frame, scaled, "requests", _tracking(wanted, custom=_requests(frame, way)))
    if queue is not None:
        # As many waiting for each task as it works on at a time.
        custom = _backlog(frame, service, queue)
        _policy(frame, scaled, "queue", _tracking(frame.spec.limits.concurrency, custom=custom))


def _tracking(wanted: float, *, known: _Known | None = None, custom: _Custom | None = None) -> _Tracking:
    return _Tracking(
        target_value=wanted,
        predefined_metric_specification=known,
        customized_metric_specification=custom,
        scale_in_cooldown=300,
        scale_out_cooldown=30,
    )


def _requests(frame: Frame, way: WayIn) -> _Custom:
    """A minute's requests for each task. AWS's own metric for it speaks of one group; here one of two serves."""
    rows = [
        Metric(
            namespace="AWS/ApplicationELB",
            name="RequestCountPerTarget",
            statistic="Sum",
            dimensions={"LoadBalancer": frame.platform.balancer_suffix, "TargetGroup": target.arn_suffix},
        )
        for target in way.targets
    ]
    return _custom(rows, "FILL(m1, 0) + FILL(m2, 0)")


def _backlog(frame: Frame, service: ecs.Service, queue: pulumi.Input[str]) -> _Custom:
    waiting = Metric(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        statistic="Average",
        dimensions={"QueueName": queue},
    )
    tasks = Metric(
        namespace="ECS/ContainerInsights",
        name="RunningTaskCount",
        statistic="Average",
        dimensions={"ClusterName": frame.platform.cluster_name, "ServiceName": service.name},
    )
    return _custom([waiting, tasks], "FILL(m1, 0) / IF(FILL(m2, 1) > 0, FILL(m2, 1), 1)")


def _custom(metrics: Sequence[Metric], expression: str) -> _Custom:
    """`expression`: of m1, m2 and so on, in the order of the metrics."""
    rows = [
        _Row(
            id=f"m{number}",
            metric_stat=_Stat(
                metric=_Named(
                    namespace=each.namespace,
                    metric_name=each.name,
                    dimensions=[_Dimension(name=key, value=value) for key, value in sorted(each.dimensions.items())],
                ),
                stat=each.statistic,
            ),
            return_data=False,
        )
        for number, each in enumerate(metrics, 1)
    ]
    return _Custom(metrics=[*rows, _Row(id="e1", expression=expression, return_data=True)])


def _policy(frame: Frame, scaled: appautoscaling.Target, short: str, tracking: _Tracking) -> None:
    appautoscaling.Policy(
        f"{frame.name}-{short}",
        name=f"{frame.physical}-{short}",
        policy_type="TargetTrackingScaling",
        service_namespace=scaled.service_namespace,
        scalable_dimension=scaled.scalable_dimension,
        resource_id=scaled.resource_id,
        target_tracking_scaling_policy_configuration=tracking,
        opts=child(frame.parent),
    )


def alarms(frame: Frame, service: ecs.Service) -> None:
    """What autoscaling could not mend: above it for ten minutes."""
    for short in ("CPU", "Memory"):
        watch = Watch(
            metric=f"{short}Utilization",
            namespace="AWS/ECS",
            dimensions={"ClusterName": frame.platform.cluster_name, "ServiceName": service.name},
            limit=90,
            meaning=f"{short} of {frame.alias} is above 90 %",
            minutes=10,
        )
        alarm(frame, short.lower(), watch)
