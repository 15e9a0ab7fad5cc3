"""The server's policies: who may do what, in its own language."""

from __future__ import annotations

from components.secrets.kinds import Kind
from components.secrets.names import (
    DATABASE,
    FORGETTING,
    GATEWAYS,
    KUBERNETES,
    KV,
    PKI,
    TRANSIT,
    tenant_path,
    tenant_role,
)


def operator_policy(kind: Kind) -> str:
    """People and playbooks: they bring tenants and write their secrets, and read none. What root set up they cannot
    change.
    """
    return f"""
path "sys/health" {{ capabilities = ["read", "sudo"] }}
path "sys/seal" {{ capabilities = ["update", "sudo"] }}
path "sys/step-down" {{ capabilities = ["update", "sudo"] }}
path "sys/storage/raft/configuration" {{ capabilities = ["read"] }}
path "sys/storage/raft/snapshot" {{ capabilities = ["read"] }}
path "sys/storage/raft/autopilot/state" {{ capabilities = ["read"] }}
path "sys/{kind.rekey}/*" {{ capabilities = ["create", "read", "update", "delete", "sudo"] }}
path "sys/{kind.recover}/*" {{ capabilities = ["create", "read", "update", "delete", "sudo"] }}
path "sys/auth" {{ capabilities = ["read"] }}
path "sys/audit" {{ capabilities = ["read", "sudo"] }}
path "sys/policies/acl/tenant-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "sys/policies/acl" {{ capabilities = ["list"] }}
path "auth/{KUBERNETES}/role" {{ capabilities = ["list"] }}
path "auth/{KUBERNETES}/role/tenant-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "identity/entity/name/tenant-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "identity/entity-alias" {{ capabilities = ["create", "update"] }}
path "{DATABASE}/roles/tenant-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "{DATABASE}/creds/{FORGETTING}*" {{ capabilities = ["read"] }}
path "{TRANSIT}/keys/tenant-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "sys/leases/revoke-prefix/{DATABASE}/creds/tenant-*" {{ capabilities = ["update", "sudo"] }}
path "{KV}/data/tenants/*" {{ capabilities = ["create", "update", "patch"] }}
path "{KV}/delete/tenants/*" {{ capabilities = ["update"] }}
path "{KV}/metadata/tenants/*" {{ capabilities = ["create", "read", "update", "patch", "delete", "list"] }}
path "{KV}/data/platform/configuration" {{ capabilities = ["read"] }}
path "{PKI}/roles/{GATEWAYS}" {{ capabilities = ["create", "read", "update"] }}
"""


# Brings OpenBao's own certificate, whose key is made inside and cannot be asked for, and has the mesh's intermediates
# signed. What may stand in one is said here: no name but its own, none below it, no more life than the mount gives.
MESH_AUTHORITY_POLICY = f"""
path "{PKI}/intermediate/generate/internal" {{ capabilities = ["update"] }}
path "{PKI}/intermediate/set-signed" {{ capabilities = ["update"] }}
path "{PKI}/config/issuers" {{ capabilities = ["read", "update"] }}
path "{PKI}/issuers" {{ capabilities = ["list"] }}
path "{PKI}/issuer/+" {{ capabilities = ["read", "update", "delete"] }}
path "{PKI}/key/+" {{ capabilities = ["delete"] }}
path "{PKI}/root/sign-intermediate" {{
  capabilities = ["update"]
  required_parameters = ["csr", "common_name", "max_path_length", "ttl"]
  allowed_parameters = {{
    "csr" = []
    "common_name" = ["groundwork mesh intermediate*"]
    "organization" = []
    "max_path_length" = ["0"]
    "ttl" = []
  }}
}}
"""

# The domains' operator: certificates for the names of that role, and nothing else.
DOMAINS_POLICY = f"""
path "{PKI}/sign/{GATEWAYS}" {{
  capabilities = ["update"]
  allowed_parameters = {{ "csr" = [] }}
}}
"""

# The rotator reads a secret only to keep it for its grace beside the new one.
ROTATOR_POLICY = f"""
path "{KV}/data/tenants/*" {{ capabilities = ["create", "read", "update"] }}
path "{KV}/metadata/tenants/*" {{ capabilities = ["read", "list", "update", "patch"] }}
"""


# Takes snapshots: they are sealed with OpenBao's own key, and it can bring none back.
SNAPSHOTS_POLICY = """
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
"""


def tenant_policy(tenant: str) -> str:
    """What a tenant's store may: read its own secrets, get credentials of its own database role, use its own key."""
    path, role = tenant_path(tenant), tenant_role(tenant)
    return f"""
path "{KV}/data/{path}/*" {{ capabilities = ["read"] }}
path "{KV}/metadata/{path}/*" {{ capabilities = ["read", "list"] }}
path "{DATABASE}/creds/{role}" {{ capabilities = ["read"] }}
path "{TRANSIT}/encrypt/{role}" {{ capabilities = ["create", "update"] }}
path "{TRANSIT}/decrypt/{role}" {{ capabilities = ["create", "update"] }}
"""
