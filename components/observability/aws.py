"""What CloudWatch watches: alarms that reach somebody, and a dashboard.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, sns
from pydantic import JsonValue

from components.aws import Scope, child, document, statement

COMPONENT = "observability"
SENDERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com", "backup.amazonaws.com", "events.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class TopicArgs:
    """`part`: of the topic's name. `addresses`: e-mail addresses that confirm once and are told from then on."""

    scope: Scope
    key: pulumi.Input[str]
    addresses: Sequence[str]
    part: str = "alarms"


class AlarmTopic(pulumi.ComponentResource):
    """Where alarms go. `arn`: of the topic."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:AlarmTopic", name, None, opts)
        scope = args.scope
        topic = sns.Topic(
            name,
            name=scope.name(args.part),
            kms_master_key_id=args.key,
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        own: dict[str, JsonValue] = {"StringEquals": {"aws:SourceAccount": scope.account}}
        sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=document(
                statement(
                    "sns:Publish",
                    scope.arn("sns", scope.name(args.part)),
                    principal={"Service": [*SENDERS]},
                    condition=own,
                    sid="Senders",
                )
            ),
            opts=child(self),
        )
        for index, address in enumerate(args.addresses):
            sns.TopicSubscription(
                f"{name}-{index}", topic=topic.arn, protocol="email", endpoint=address, opts=child(self)
            )
        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One alarm: a metric, and the limit that it may not pass for `minutes` together."""

    metric: str
    namespace: str
    dimensions: Mapping[str, pulumi.Input[str]]
    limit: float
    meaning: str
    below: bool = False
    statistic: str = "Average"
    percentile: str | None = None
    minutes: int = 5
    silence_is_bad: bool = False


def alarm(  # noqa: PLR0913 – what an alarm has beside its watch
    name: str,
    watch: Watch,
    *,
    physical: str,
    topic: pulumi.Input[str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> cloudwatch.MetricAlarm:
    """An alarm that tells a topic when it begins and when it is over. `physical`: its name in AWS."""
    return cloudwatch.MetricAlarm(
        name,
        name=physical,
        alarm_description=f"{watch.meaning} (docs/runbooks/aws.md)",
        namespace=watch.namespace,
        metric_name=watch.metric,
        dimensions=dict(watch.dimensions) or None,
        statistic=None if watch.percentile else watch.statistic,
        extended_statistic=watch.percentile,
        period=60,
        evaluation_periods=watch.minutes,
        threshold=watch.limit,
        comparison_operator="LessThanThreshold" if watch.below else "GreaterThanThreshold",
        treat_missing_data="breaching" if watch.silence_is_bad else "notBreaching",
        alarm_actions=[topic],
        ok_actions=[topic],
        tags=dict(tags),
        opts=opts,
    )


@dataclass(frozen=True, kw_only=True)
class LogWatch:
    """One alarm on lines of a log. `pattern`: CloudWatch's filter syntax; `lines`: how many a minute are many."""

    group: pulumi.Input[str]
    pattern: str
    meaning: str
    lines: int = 0


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All series of a metric that have just these dimensions, a line each; nothing is held to a limit."""

    metric: str
    namespace: str
    dimensions: Sequence[str]
    statistic: str = "Sum"

    @property
    def search(self) -> str:
        """In the words of CloudWatch's metric math."""
        schema = ",".join([self.namespace, *self.dimensions])
        return f"SEARCH('{{{schema}}} MetricName=\"{self.metric}\"', '{self.statistic}', 60)"


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """`watches`, `logs`: by the alarm's name. `graphs`: by title, in the dashboard behind those of the watches."""

    scope: Scope
    topic: pulumi.Input[str]
    watches: Mapping[str, Watch]
    logs: Mapping[str, LogWatch]
    graphs: Mapping[str, Graph] = field(default_factory=dict)


class Alarms(pulumi.ComponentResource):
    """The alarms of an environment, and a dashboard of the same metrics."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:Alarms", name, None, opts)
        self._name, self._args = name, args
        for short, watch in args.watches.items():
            self._alarm(short, watch)
        for short, log in args.logs.items():
            self._alarm(short, self._filter(short, log))
        cloudwatch.Dashboard(
            name,
            dashboard_name=args.scope.name("overview"),
            dashboard_body=self._dashboard(),
            opts=child(self),
        )
        self.register_outputs({})

    def _filter(self, short: str, log: LogWatch) -> Watch:
        namespace = f"Groundwork/{self._args.scope.environment}"
        cloudwatch.LogMetricFilter(
            f"{self._name}-{short}",
            name=self._args.scope.name(short),
            log_group_name=log.group,
            pattern=log.pattern,
            metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                name=short, namespace=namespace, value="1", default_value="0"
            ),
            opts=child(self),
        )
        return Watch(
            metric=short,
            namespace=namespace,
            dimensions={},
            limit=log.lines,
            meaning=log.meaning,
            statistic="Sum",
        )

    def _alarm(self, short: str, watch: Watch) -> None:
        scope = self._args.scope
        alarm(
            f"{self._name}-{short}",
            watch,
            physical=scope.name(short),
            topic=self._args.topic,
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )

    def _dashboard(self) -> pulumi.Output[str]:
        """A graph an alarm, its limit drawn in, in the order in which the alarms are named; then the others."""
        watches = dict(self._args.watches)
        dimensions = pulumi.Output.all(**{short: dict(watch.dimensions) for short, watch in watches.items()})
        return dimensions.apply(lambda known: json.dumps({"widgets": self._widgets(known)}))

    def _widgets(self, dimensions: Mapping[str, Mapping[str, str]]) -> list[JsonValue]:
        shown: list[dict[str, JsonValue]] = [
            {
                "title": watch.meaning,
                "stat": watch.percentile or watch.statistic,
                "metrics": [
                    [watch.namespace, watch.metric, *(part for pair in dimensions[short].items() for part in pair)]
                ],
                "annotations": {"horizontal": [{"label": short, "value": watch.limit}]},
            }
            for short, watch in self._args.watches.items()
        ]
        shown += [
            {"title": title, "stat": graph.statistic, "metrics": [[{"expression": graph.search, "id": "lines"}]]}
            for title, graph in self._args.graphs.items()
        ]
        return [self._widget(index, properties) for index, properties in enumerate(shown)]

    def _widget(self, index: int, properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Two in a row."""
        place: dict[str, JsonValue] = {"x": 12 * (index % 2), "y": 6 * (index // 2), "width": 12, "height": 6}
        common: dict[str, JsonValue] = {"region": self._args.scope.region, "period": 60}
        return {"type": "metric", **place, "properties": {**common, **properties}}
