"""An alarm that tells nobody is none."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    if not items(resource.at("alarmActions")):
        yield "alarmActions is empty"
    if resource.at("actionsEnabled") is False:
        yield "actionsEnabled is false"


RULE = Rule(
    id="aws-alarms",
    title="Alarms tell somebody",
    severity=Severity.HIGH,
    frameworks=("FSBP CloudWatch.15", "FSBP CloudWatch.17"),
    remediation="set alarmActions; leave actionsEnabled at true",
    types=frozenset({"aws:cloudwatch/metricAlarm:MetricAlarm"}),
    check=_check,
)
