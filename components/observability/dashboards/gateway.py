"""The gateway: what comes in, what it decides, where it goes."""

from __future__ import annotations

from components.mesh.names import GATEWAY_NAMESPACE
from components.observability.dashboards.panels import WINDOW, Board, Panel

_HERE = f'namespace="{GATEWAY_NAMESPACE}"'

BOARD = Board(
    name="gateway",
    title="Gateway",
    variables={},
    panels=(
        Panel(
            title="Answers a second, by class",
            unit="ops",
            lines={
                "{{response_code_class}}": "sum by (response_code_class) "
                f'(rate(envoy_http_downstream_rq{{{_HERE},response_code_class=~".xx"}}[{WINDOW}]))'
            },
        ),
        Panel(
            title="Requests a second to agents",
            unit="ops",
            lines={
                "{{destination_service_namespace}}/{{destination_service_name}} {{response_code_class}}": "sum by "
                "(destination_service_namespace, destination_service_name, response_code_class) "
                f'(rate(envoy_cluster_upstream_rq{{{_HERE},destination_service_name!="",'
                f'response_code_class=~".xx"}}[{WINDOW}]))'
            },
        ),
        Panel(
            title="Decisions a second, by reason",
            unit="ops",
            lines={"{{reason}}": f"sum by (reason) (rate(authorizer_decisions_total[{WINDOW}]))"},
        ),
        Panel(
            title="Time of a decision",
            unit="s",
            lines={
                f"p{share * 100:g}": f"histogram_quantile({share}, "
                f"sum by (le) (rate(authorizer_decision_seconds_bucket[{WINDOW}])))"
                for share in (0.5, 0.99)
            },
        ),
        Panel(
            title="Uses of keys a minute",
            unit="short",
            lines={"{{tenant}}/{{key}}": f"sum by (tenant, key) (rate(authorizer_key_uses_total[{WINDOW}])) * 60"},
        ),
        Panel(
            title="Age of what the authorizer knows",
            unit="s",
            lines={"{{pod}}": "max by (pod) (authorizer_knowledge_age_seconds)"},
        ),
        Panel(
            title="Turned away by limits, a second",
            unit="ops",
            lines={"{{cluster_name}}": f"sum by (cluster_name) (rate(envoy_cluster_ratelimit_over_limit[{WINDOW}]))"},
            quiet=True,
        ),
    ),
)
