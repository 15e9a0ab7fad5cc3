"""The platform's alerts by what they are about; each names the runbook that says what to do.  (docs/observability.md)

What tenants are promised has its own, made from loadtests/slo.yaml.
"""

from __future__ import annotations

from components.observability.alerting import Alert, group
from components.observability.alerts import agents, domains, gateway, mesh, node, secrets
from components.observability.scraping import Config

ALERTS: dict[str, tuple[Alert, ...]] = {
    "agents": agents.ALERTS,
    "domains": domains.ALERTS,
    "gateway": gateway.ALERTS,
    "mesh": mesh.ALERTS,
    "node": node.ALERTS,
    "secrets": secrets.ALERTS,
}


def files() -> dict[str, Config]:
    """One rule file, by name."""
    return {"alerts": {"groups": [group(name, alerts) for name, alerts in ALERTS.items()]}}
