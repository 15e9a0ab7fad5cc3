"""A tenant's own names where a load balancer ends TLS: whose they are, and which are served.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from stacks.preflight import check_tenant
from stacks.settings import Settings
from stacks.tenant_settings import FILE, TENANTS, TenantSettings

# A rule of the load balancer compares five values at most: the path, the name below the environment's domain, these.
MOST_ON_ECS = 3


@dataclass(frozen=True, kw_only=True)
class OwnName:
    """`zone`: kept in the environment, with the host in it; None where somebody else keeps it."""

    host: str
    zone: str | None
    proven: bool

    @property
    def served(self) -> bool:
        """Whether there is, or will be within minutes, a certificate for it."""
        return self.proven or self.zone is not None


def own_names(environment: str, settings: Settings, tenant: TenantSettings, folder: Path) -> list[OwnName]:
    """Those under `hosts` in an environment in AWS; none elsewhere, where the cluster's operator has them.

    `folder`: the project's. Raises UserError for a name that is not the tenant's to have.
    """
    if settings.aws is None:
        for host in tenant.proven_hosts:
            raise _refused(tenant, "provenHosts", f"{host}: the operator finds proofs by itself here", "none")
        return []
    _refuse_shared(environment, settings, tenant, folder)
    names = [_own_name(settings, tenant, host) for host in tenant.hosts]
    served = [name.host for name in names if name.served]
    if settings.aws.cluster.kind == "ecs" and len(served) > MOST_ON_ECS:
        what = f"{len(served)} are more than a rule of the load balancer can name"
        raise _refused(tenant, "hosts", what, f"at most {MOST_ON_ECS} on ECS")
    return names


def _own_name(settings: Settings, tenant: TenantSettings, host: str) -> OwnName:
    zones = {settings.domain: None, **settings.dns.zones}
    # The longest: a zone may be below another one.
    zone = max((zone for zone in zones if host == zone or host.endswith(f".{zone}")), key=len, default=None)
    if zone is not None and zones[zone] != tenant.name:
        allowed = "names in the tenant's own zones, and those that somebody else keeps"
        raise _refused(tenant, "hosts", f"{host} is in the zone {zone}, which is not this tenant's", allowed)
    return OwnName(host=host, zone=zone, proven=host in tenant.proven_hosts)


def _refuse_shared(environment: str, settings: Settings, tenant: TenantSettings, folder: Path) -> None:
    """One proof is enough for ACM, whoever asked for it: it is the account's, and knows no tenants."""
    if not tenant.hosts:
        return
    for other in settings.tenants:
        if other == tenant.name:
            continue
        for host in check_tenant(environment, other, folder).settings.hosts:
            if host in tenant.hosts:
                raise _refused(tenant, "hosts", f"{host} stands in {TENANTS}/{other}/{FILE} too", "one tenant a name")


def _refused(tenant: TenantSettings, key: str, what: str, allowed: str) -> UserError:
    return UserError(what=f"{key}: {what}", where=f"{TENANTS}/{tenant.name}/{FILE}", allowed=allowed)
