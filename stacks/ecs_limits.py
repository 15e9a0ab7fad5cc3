"""How much each tenant may ask for where no gateway counts it: the firewall before the load balancer does.

It is the environment's, so a limit comes with the environment's own `up`.  (docs/ecs.md)
"""

from __future__ import annotations

from pathlib import Path

from components.edge.firewall import TenantRate
from groundwork.errors import UserError
from stacks.own_names import own_names
from stacks.preflight import check_tenant
from stacks.settings import Settings
from stacks.tenant_settings import FILE, TENANTS, TenantSettings


def tenant_rates(environment: str, settings: Settings, folder: Path) -> dict[str, TenantRate]:
    """By tenant, of those that the environment's settings list and that have a limit. Raises UserError."""
    found = {}
    for name in settings.tenants:
        tenant = check_tenant(environment, name, folder).settings
        if tenant.limits is not None:
            own = [each.host for each in own_names(environment, settings, tenant, folder) if each.served]
            hosts = [f"{name}.{settings.domain}", *own]
            found[name] = TenantRate(hosts=hosts, per_second=tenant.limits.requests_per_second)
    return found


def refuse_unlisted(environment: str, settings: Settings, tenant: TenantSettings) -> None:
    """A limit that nothing would hold. Raises UserError."""
    if tenant.limits is not None and tenant.name not in settings.tenants:
        raise UserError(
            what=f"limits: the firewall of {environment} does not know {tenant.name}, and nothing else counts there",
            where=f"{TENANTS}/{tenant.name}/{FILE}",
            fix=f"list it under groundwork:tenants in Pulumi.{environment}.yaml, and bring {environment} up first",
        )
