"""The mesh: its control plane, and what proxies do."""

from __future__ import annotations

from components.observability.dashboards.panels import WINDOW, Board, Panel

BOARD = Board(
    name="mesh",
    title="Mesh",
    variables={},
    panels=(
        Panel(title="Proxies that are connected", unit="short", lines={"proxies": "sum(pilot_xds)"}),
        Panel(
            title="Pushes a second, by kind",
            unit="ops",
            lines={"{{type}}": f"sum by (type) (rate(pilot_xds_pushes[{WINDOW}]))"},
        ),
        Panel(
            title="Time until proxies have a change, p99",
            unit="s",
            lines={"p99": "histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[1h])))"},
            quiet=True,  # with no change there is no time
        ),
        Panel(
            title="Root's days left", unit="short", lines={"root": "citadel_server_root_cert_expiry_seconds / 86400"}
        ),
        Panel(
            title="Certificates signed a minute",
            unit="short",
            lines={"certificates": f"sum(rate(citadel_server_success_cert_issuance_count[{WINDOW}])) * 60"},
        ),
        Panel(
            title="Hours until a pod's certificate ends",
            unit="short",
            lines={
                "{{namespace}}": "(min by (namespace) "
                "(envoy_cluster_ssl_certificate_default_expiration_unix_time_seconds) - time()) / 3600"
            },
        ),
        Panel(
            title="Memory of proxies",
            unit="bytes",
            lines={"{{namespace}}": "sum by (namespace) (envoy_server_memory_allocated)"},
        ),
    ),
)
