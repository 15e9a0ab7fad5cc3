"""Names of the data stores that other parts point to."""

from __future__ import annotations

from components.mesh.names import service_host

NAMESPACE = "groundwork-data"
POSTGRES, POSTGRES_PORT = "postgres", 5432
POSTGRES_HOST = service_host(POSTGRES, NAMESPACE)
POSTGRES_TLS = "postgres-tls"
# All agents' tables are in one database, each tenant's in a schema of its own.
DATABASE = "agents"
