"""OpenBao: whether it is open, what it does, what it has given out."""

from __future__ import annotations

from components.observability.alerts.secrets import UNSEALED
from components.observability.dashboards.panels import WINDOW, Board, Panel

BOARD = Board(
    name="vault",
    title="Vault",
    variables={},
    panels=(
        Panel(title="Unsealed", unit="short", lines={"{{pod}}": UNSEALED}),
        Panel(title="Active", unit="short", lines={"{{pod}}": "max by (pod) (vault_core_active)"}),
        Panel(
            title="Requests in flight", unit="short", lines={"{{pod}}": "sum by (pod) (vault_core_in_flight_requests)"}
        ),
        Panel(title="Leases", unit="short", lines={"{{pod}}": "max by (pod) (vault_expire_num_leases)"}),
        Panel(
            title="Leases that cannot be taken back",
            unit="short",
            lines={"{{pod}}": "max by (pod) (vault_expire_num_irrevocable_leases)"},
        ),
        Panel(
            title="Tokens made a minute",
            unit="short",
            lines={"{{pod}}": f"sum by (pod) (rate(vault_token_create_count[{WINDOW}])) * 60"},
        ),
        Panel(title="Memory", unit="bytes", lines={"{{pod}}": "max by (pod) (vault_runtime_alloc_bytes)"}),
    ),
)
