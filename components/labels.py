"""The labels that every object of the platform carries: who owns it, what it is part of, who pays."""

from __future__ import annotations

from dataclasses import dataclass

TENANT = "groundwork/tenant"
AGENT = "groundwork/agent"
ROLE = "groundwork/role"
TIER = "groundwork/tier"
# What nodes say of where they are.
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whom an object is for. All values are valid label values (at most 63 characters)."""

    environment: str
    tenant: str
    cost_centre: str


def labels(owner: Owner, *, agent: str | None = None, tier: str | None = None) -> dict[str, str]:
    """The labels of one object; those of an agent name it and its service tier too."""
    common = {
        "app.kubernetes.io/part-of": "groundwork",
        "app.kubernetes.io/managed-by": "pulumi",
        "groundwork/environment": owner.environment,
        TENANT: owner.tenant,
        "groundwork/cost-centre": owner.cost_centre,
    }
    if agent is not None:
        common |= {"app.kubernetes.io/name": agent, "app.kubernetes.io/component": "agent", AGENT: agent}
    if tier is not None:
        common[TIER] = tier
    return common


def platform_labels(environment: str, name: str) -> dict[str, str]:
    """The labels of what all tenants of an environment share. `name`: the server or capability that it belongs to."""
    return {
        "app.kubernetes.io/part-of": "groundwork",
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/name": name,
        "groundwork/environment": environment,
        "groundwork/cost-centre": "platform",
    }


def aws_tags(environment: str, component: str, *, cost_centre: str, tenant: str | None = None) -> dict[str, str]:
    """The tags of an AWS resource, the same facts as the labels. `tenant`: where it is for one alone."""
    tags = {
        "groundwork:environment": environment,
        "groundwork:component": component,
        "groundwork:cost-centre": cost_centre,
        "groundwork:managed-by": "pulumi",
    }
    return tags | ({"groundwork:tenant": tenant} if tenant else {})


def pod_security(level: str = "restricted") -> dict[str, str]:
    """The labels of a namespace whose pods are held to a level of the Pod Security standards."""
    return {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}


def selector(owner: Owner, agent: str) -> dict[str, str]:
    """The labels that find an agent's pods. A Deployment's selector can never change, so these two must not either."""
    return {TENANT: owner.tenant, AGENT: agent}
