"""Agents: none answers, their model fails, they turn callers away, they start again and again."""

from __future__ import annotations

from datetime import timedelta

from components.observability.alerting import Alert

_WHO = "{{ $labels.tenant }}/{{ $labels.agent }}"
_BY = "sum by (tenant, agent)"


def _share(types: str) -> str:
    """The share of requests that ended in errors of these types, of agents that are asked at all."""
    failed = f'{_BY} (rate(agent_errors_total{{type=~"{types}"}}[5m]))'
    return f"{failed} / ({_BY} (rate(agent_requests_total[5m])) > 0)"


ALERTS = (
    Alert(
        name="AgentDown",
        expr='max by (tenant, agent) (up{job="agents"}) == 0',
        wait=timedelta(minutes=2),
        severity="page",
        summary=f"No pod of {_WHO} gives metrics",
        runbook="agent-fails",
    ),
    Alert(
        name="AgentModelFails",
        expr=f"{_share('model_(timeout|unreachable|overloaded|error)')} > 0.1",
        wait=timedelta(minutes=5),
        severity="warning",
        summary=f"{{{{ $value | humanizePercentage }}}} of requests to {_WHO} fail for their model",
        runbook="agent-fails",
    ),
    Alert(
        name="AgentInternalErrors",
        expr=f"{_share('internal')} > 0.01",
        wait=timedelta(minutes=5),
        severity="warning",
        summary=f"{{{{ $value | humanizePercentage }}}} of requests to {_WHO} end in a mistake of its code",
        runbook="agent-fails",
    ),
    Alert(
        name="AgentOverloaded",
        expr=f"{_share('overloaded')} > 0.05",
        wait=timedelta(minutes=5),
        severity="warning",
        summary=f"{_WHO} turns away {{{{ $value | humanizePercentage }}}} of requests: more at once than its limit",
        runbook="agent-fails",
    ),
    Alert(
        name="AgentRestarts",
        # The kubelet's own figures: a container that has begun anew has a new start.
        expr='sum by (namespace, pod) (changes(container_start_time_seconds{container="agent"}[15m])) >= 3',
        wait=timedelta(0),
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.pod }} began {{ $value }} times in a quarter of an hour",
        runbook="agent-fails",
    ),
    Alert(
        name="AgentCostUnknown",
        expr=f"{_BY} (increase(agent_answers_without_usage_total[1h])) > 0",
        wait=timedelta(minutes=5),
        severity="ticket",
        summary=f"The model of {_WHO} gave no token counts: what these answers cost is not known",
        runbook="agent-fails",
    ),
)
