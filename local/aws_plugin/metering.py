"""Alarms over several metrics, and budgets: types whose blocks the API cuts in another way."""

from __future__ import annotations

from typing import Final

from local.aws_plugin.resource import Resource
from local.plugin.values import Json, Object

_OF_METRIC: Final = ("metricName", "namespace", "dimensions")


class MetricAlarm(Resource):
    """A query's metric and its statistic are two blocks in the API."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        rows = properties.get("metricQueries")
        if not isinstance(rows, list):
            return properties
        return {**properties, "metricQueries": [self._query(row) for row in rows]}

    @staticmethod
    def _query(row: Object) -> Object:
        metric = row.get("metric")
        if not isinstance(metric, dict):
            return row
        inner = {key: value for key, value in metric.items() if key in _OF_METRIC}
        rest = {key: value for key, value in metric.items() if key not in _OF_METRIC}
        return {
            **{key: value for key, value in row.items() if key != "metric"},
            "metricStat": {"metric": inner, **rest},
        }

    def adapt(self, found: Object, known: Object) -> Object:  # noqa: ARG002 - what is known does not matter
        """See `Resource.adapt`."""
        rows = found.get("Metrics")
        return {**found, "Metrics": [_flat(row) for row in rows]} if rows else found


def _flat(row: Object) -> Object:
    stat = row.get("MetricStat")
    if not isinstance(stat, dict):
        return row
    return {**row, "Metric": {**stat.get("Metric", {}), **{key: item for key, item in stat.items() if key != "Metric"}}}


class Budget(Resource):
    """A budget is sent whole, its notifications beside it."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        given = properties
        budget = {
            "BudgetName": given.get("name"),
            "BudgetType": given.get("budgetType"),
            "TimeUnit": given.get("timeUnit"),
            "BudgetLimit": {"Amount": given.get("limitAmount"), "Unit": given.get("limitUnit")},
            "CostFilters": {row["name"]: row["values"] for row in _rows(given.get("costFilters"))} or None,
            "CostTypes": given.get("costTypes"),
        }
        notices = [_notice(row) for row in _rows(given.get("notifications"))]
        return {
            **given,
            "_budget": {key: value for key, value in budget.items() if value is not None},
            "_notifications": notices,
        }

    def adapt(self, found: Object, known: Object) -> Object:  # noqa: ARG002 - what is known does not matter
        """See `Resource.adapt`."""
        limit, filters = found.get("BudgetLimit") or {}, found.get("CostFilters") or {}
        rows = [{"name": name, "values": values} for name, values in filters.items()]
        return {**found, "LimitAmount": limit.get("Amount"), "LimitUnit": limit.get("Unit"), "CostFilters": rows}


def _rows(value: Json) -> list[Object]:
    return value if isinstance(value, list) else []


def _notice(row: Object) -> Object:
    addresses = [("EMAIL", item) for item in row.get("subscriberEmailAddresses") or []]
    topics = [("SNS", item) for item in row.get("subscriberSnsTopicArns") or []]
    return {
        "Notification": {
            "NotificationType": row.get("notificationType"),
            "ComparisonOperator": row.get("comparisonOperator"),
            "Threshold": row.get("threshold"),
            "ThresholdType": row.get("thresholdType"),
        },
        "Subscribers": [{"SubscriptionType": kind, "Address": address} for kind, address in [*addresses, *topics]],
    }
