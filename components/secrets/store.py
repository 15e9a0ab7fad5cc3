"""How a tenant's secrets come from OpenBao into its namespace, and into no other.  (docs/secrets.md)"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.agents.manifest import Secret
from components.data.names import POSTGRES_PORT
from components.data.place import DatabasePlace
from components.mesh.traffic import seconds
from components.secrets.names import (
    ADDRESS,
    AUDIENCE,
    DATABASE,
    KUBERNETES,
    KV,
    STORE,
    TENANT_ACCOUNT,
    tenant_path,
    tenant_role,
)

GROUP, GENERATORS = "external-secrets.io/v1", "generators.external-secrets.io/v1alpha1"


@dataclass(frozen=True, kw_only=True)
class TenantStoreArgs:
    """`authority`: PEM, what OpenBao's certificate is signed by; `labels`: of its objects. `database`: None where the
    environment has none.
    """

    tenant: str
    namespace: pulumi.Input[str]
    labels: Mapping[str, str]
    authority: str
    database: DatabasePlace | None = None


class TenantStore(pulumi.ComponentResource):
    """A tenant's way into OpenBao: a service account that is used for nothing else, and a store that asks with it.

    `ready`: what a secret must be made after.
    """

    ready: CustomResource

    def __init__(self, name: str, args: TenantStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:TenantStore", name, None, opts)
        account = ServiceAccount(
            name,
            metadata=_meta(args, TENANT_ACCOUNT),
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.ready = CustomResource(
            name,
            api_version=GROUP,
            kind="SecretStore",
            metadata=_meta(args, STORE),
            spec=store_spec(args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DeliveredArgs:
    """One secret of an agent. `target`: the Kubernetes Secret that holds it."""

    store: TenantStoreArgs
    target: str
    secret: Secret


def deliver(name: str, args: DeliveredArgs, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Have a secret brought, and brought again when it changes."""
    meta = _meta(args.store, args.target)
    if args.secret.database is not None:
        spec = credentials_spec(args.store)
        generator = CustomResource(
            f"{name}-credentials",
            api_version=GENERATORS,
            kind="VaultDynamicSecret",
            metadata=meta,
            spec=spec,
            opts=opts,
        )
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[generator]))
    return CustomResource(
        name, api_version=GROUP, kind="ExternalSecret", metadata=meta, spec=secret_spec(args), opts=opts
    )


def store_spec(args: TenantStoreArgs) -> dict[str, JsonValue]:
    """Of a SecretStore: it is its namespace's alone."""
    return {"provider": {"vault": {**provider(args), "path": KV, "version": "v2"}}}


def credentials_spec(args: TenantStoreArgs) -> dict[str, JsonValue]:
    """Of a VaultDynamicSecret: a new database user each time."""
    return {
        "path": f"/{DATABASE}/creds/{tenant_role(args.tenant)}",
        "method": "GET",
        "provider": provider(args),
    }


def secret_spec(args: DeliveredArgs) -> dict[str, pulumi.Input[object]]:
    """Of an ExternalSecret."""
    spec: dict[str, pulumi.Input[object]] = {"refreshInterval": seconds(args.secret.interval)}
    if args.secret.path is not None:
        return spec | {
            "secretStoreRef": {"name": STORE, "kind": "SecretStore"},
            "target": {"name": args.target, "creationPolicy": "Owner"},
            "dataFrom": [{"extract": {"key": tenant_path(args.store.tenant, args.secret.path)}}],
        }
    reference: JsonValue = {"apiVersion": GENERATORS, "kind": "VaultDynamicSecret", "name": args.target}
    return spec | {
        "target": {"name": args.target, "creationPolicy": "Owner", "template": _database(args.store)},
        "dataFrom": [{"sourceRef": {"generatorRef": reference}}],
    }


def provider(args: TenantStoreArgs) -> dict[str, JsonValue]:
    """How External Secrets asks OpenBao for this tenant: with a token of its account, for OpenBao alone."""
    account: JsonValue = {"name": TENANT_ACCOUNT, "audiences": [AUDIENCE]}
    return {
        "server": ADDRESS,
        "caBundle": base64.b64encode(args.authority.encode()).decode(),
        "auth": {
            "kubernetes": {"mountPath": KUBERNETES, "role": tenant_role(args.tenant), "serviceAccountRef": account}
        },
    }


def _database(store: TenantStoreArgs) -> dict[str, pulumi.Input[object]]:
    """What a client needs beside the two that OpenBao makes."""
    place = store.database or DatabasePlace.inside(store.authority)
    return {
        "engineVersion": "v2",
        "data": {
            "username": "{{ .username }}",
            "password": "{{ .password }}",
            "host": place.host,
            "port": str(POSTGRES_PORT),
            "database": place.name,
            "ca.crt": place.authority,
        },
    }


def _meta(args: TenantStoreArgs, name: str) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=args.namespace, labels=dict(args.labels))
