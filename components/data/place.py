"""Where the database is that agents' users are made in: a Service of the cluster, or RDS.  (docs/secrets.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pulumi
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
)

from components.data.names import DATABASE, POSTGRES_HOST, POSTGRES_PORT
from groundwork.errors import UserError

# The database that RDS is made with (rds.py): OpenBao's role may make schemas in it, and no database.
OUTSIDE_DATABASE = "groundwork"
_ROOTS = Path(__file__).with_name("rds_roots.pem")


@dataclass(frozen=True, kw_only=True)
class DatabasePlace:
    """`authority`: PEM, what its certificate is signed by. `networks`: CIDRs that it is in, outside the cluster; none
    where it is a Service. `secret`: ARN of the master's password, where RDS keeps it.
    """

    host: pulumi.Input[str]
    name: str
    authority: str
    networks: Sequence[str] = ()
    secret: pulumi.Input[str] | None = None

    @classmethod
    def inside(cls, authority: str) -> DatabasePlace:
        """The cluster's own."""
        return cls(host=POSTGRES_HOST, name=DATABASE, authority=authority)


def database_egress(networks: Sequence[str]) -> list[NetworkPolicyEgressRuleArgs]:
    """The way to databases in these networks; none where there is none."""
    peers = [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=network)) for network in networks]
    port = NetworkPolicyPortArgs(protocol="TCP", port=POSTGRES_PORT)
    return [NetworkPolicyEgressRuleArgs(to=peers, ports=[port])] if peers else []


def rds_root(region: str) -> str:
    """The root that signs RDS's certificates in a region, PEM. Raises UserError where this project has none."""
    found = _roots()
    if region not in found:
        raise UserError(
            what=f"secrets.postgres: no root of RDS is known for {region}",
            allowed=", ".join(found),
            fix=f"add the region's from truststore.pki.rds.amazonaws.com to components/data/{_ROOTS.name}",
        )
    return found[region]


@cache
def _roots() -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _ROOTS.read_text("utf-8").split("\n# ")[2:]:
        region, _, pem = part.partition("\n")
        found[region] = pem.rstrip() + "\n"
    return found
