"""Names of the secrets capability that other parts point to."""

from __future__ import annotations

from components.mesh.names import service_host

NAMESPACE = "groundwork-secrets"
OPENBAO = "openbao"
API_PORT, CLUSTER_PORT, METRICS_PORT = 8200, 8201, 8202
HOST = service_host(OPENBAO, NAMESPACE)
ADDRESS = f"https://{HOST}:{API_PORT}"
TLS_SECRET = "openbao-tls"  # noqa: S105 – a name; written by `groundwork up`, in no stack's state
# The service account of a tenant's that its store logs in as, and the one of people and playbooks.
TENANT_ACCOUNT = "secrets"
OPERATOR = "openbao-operator"
ROTATOR = "secret-rotator"
# Who takes snapshots, by one name everywhere; and where they stand in their bucket.
SNAPSHOTS, SNAPSHOT_PREFIX = "openbao-snapshots", "openbao"
# Who has the mesh's intermediates signed: an account that no pod has, as the operator's.
MESH_AUTHORITY = "mesh-authority"
AUDIENCE = "openbao"
DATABASE_CONFIG = "openbao-database"
STORE = "openbao"

# Mounts.
KV, DATABASE, TRANSIT, KUBERNETES, PKI = "secret", "database", "transit", "kubernetes", "pki"
# The role that the gateway's certificates are signed by.
GATEWAYS = "gateways"


def tenant_path(tenant: str, name: str = "") -> str:
    """Where a tenant's secrets stand below the KV mount."""
    return f"tenants/{tenant}/{name}".rstrip("/")


def tenant_role(tenant: str) -> str:
    """A tenant's policy, role and entity have one name."""
    return f"tenant-{tenant}"


# Of the database engine, while it removes what a deleted tenant had there. No other begins so: no name has a dot.
FORGETTING = "tenant-forget."


def forgetting_role(tenant: str) -> str:
    """By which the database forgets a tenant."""
    return f"{FORGETTING}{tenant}"
