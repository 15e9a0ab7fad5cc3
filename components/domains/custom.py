"""A tenant's own name, as its stack declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import Owner, labels
from components.platform.specs import API_VERSION


@dataclass(frozen=True, kw_only=True)
class CustomDomainArgs:
    """A host that a tenant is to answer at. `namespace`: the tenant's. `issuer`: None is the environment's choice."""

    owner: Owner
    namespace: pulumi.Input[str]
    host: str
    issuer: Literal["acme", "own"] | None = None


class CustomDomain(pulumi.ComponentResource):
    """A Domain object. Proof, certificate and the gateway's part follow by the operator, and go when it goes.

    The stack does not wait for them: the proof is for the name's owner to set (`groundwork domain show`). The tenant's
    route is bound to the Gateway `domains-<tenant>` once, whatever hosts it has (components/gateway/route.py).
    """

    def __init__(self, name: str, args: CustomDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:domains:CustomDomain", name, None, opts)
        spec = {"host": args.host} | ({"issuer": args.issuer} if args.issuer else {})
        CustomResource(
            name,
            api_version=API_VERSION,
            kind="Domain",
            metadata=ObjectMetaArgs(
                name=args.host,
                namespace=args.namespace,
                labels=labels(args.owner),
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"host": args.host})
