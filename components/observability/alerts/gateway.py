"""The gateway: whether it answers, whether it reaches agents, and whether those it asks answer it."""

from __future__ import annotations

from datetime import timedelta

from components.mesh.names import GATEWAY_NAMESPACE
from components.observability.alerting import Alert

_HERE = f'namespace="{GATEWAY_NAMESPACE}"'
_DOWNSTREAM = f"envoy_http_downstream_rq{{{_HERE}"
_UPSTREAM = f'envoy_cluster_upstream_rq{{{_HERE},destination_service_name!="",response_code_class'
_BY = "sum by (destination_service_namespace, destination_service_name)"


def _sent(classes: str) -> str:
    """Requests a second to agents, answered so: a Service is called after its agent, a namespace after its tenant."""
    rate = f"{_BY} (rate({_UPSTREAM}{classes}}}[5m]))"
    tenant = f'label_replace({rate}, "tenant", "$1", "destination_service_namespace", "(.*)")'
    agent = f'label_replace({tenant}, "agent", "$1", "destination_service_name", "(.*)")'
    return f"sum by (tenant, agent) ({agent})"


def _absent(name: str, job: str, what: str, *, more: str = "") -> Alert:
    return Alert(
        name=name,
        expr=f'absent(up{{job="{job}",{_HERE}{more}}} == 1)',
        wait=timedelta(minutes=1),
        severity="page",
        summary=what,
        runbook="gateway-down",
    )


ALERTS = (
    _absent("GatewayDown", "sidecars", "No gateway runs: nobody outside reaches any agent", more=',app="gateway"'),
    _absent("AuthorizerDown", "authorizer", "No authorizer runs: the gateway refuses every request"),
    _absent("RateLimiterDown", "ratelimit", "No rate limiter runs: tenants' limits do not hold across gateways"),
    _absent("LimitStoreDown", "redis", "The limits' store does not run: what tenants have used is not known"),
    Alert(
        name="GatewayErrors",
        expr=f'sum(rate({_DOWNSTREAM},response_code_class="5xx"}}[5m]))'
        f' / (sum(rate({_DOWNSTREAM},response_code_class=~".xx"}}[5m])) > 0) > 0.05',
        wait=timedelta(minutes=2),
        severity="page",
        summary="{{ $value | humanizePercentage }} of the gateway's answers are errors of ours",
        runbook="gateway-down",
    ),
    Alert(
        name="AgentUnreachable",
        expr=f"""{_sent('="5xx"')} / ({_sent('=~".xx"')} > 0) > 0.5""",
        wait=timedelta(minutes=1),
        severity="page",
        summary="Of requests that the gateway sends to {{ $labels.tenant }}/{{ $labels.agent }}, "
        "{{ $value | humanizePercentage }} fail",
        runbook="agent-fails",
    ),
    Alert(
        name="AuthorizerStale",
        expr="max by (pod) (authorizer_knowledge_age_seconds) > 120",
        wait=timedelta(minutes=1),
        severity="warning",
        summary="{{ $labels.pod }} has not heard of the API server for {{ $value | humanizeDuration }}: "
        "keys that were revoked since are still let in",
        runbook="gateway-down",
    ),
    Alert(
        name="AuthorizerSlow",
        expr="histogram_quantile(0.99, sum by (le) (rate(authorizer_decision_seconds_bucket[5m]))) > 0.05",
        wait=timedelta(minutes=10),
        severity="warning",
        summary="One decision in a hundred takes {{ $value | humanizeDuration }} or longer",
        runbook="gateway-down",
    ),
)
