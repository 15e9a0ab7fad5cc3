"""Istio's own kinds, as resources. Their schemas are Istio's; the API server checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

Spec = Mapping[str, JsonValue]
_GROUPS: Final = {
    "AuthorizationPolicy": "security.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "Gateway": "networking.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "VirtualService": "networking.istio.io/v1",
}


def istio(
    kind: str, name: str, meta: ObjectMetaArgs, spec: Spec, opts: pulumi.ResourceOptions | None = None
) -> CustomResource:
    """An object of one of Istio's kinds. Raises KeyError for a kind that is not used here."""
    return CustomResource(name, api_version=_GROUPS[kind], kind=kind, metadata=meta, spec=dict(spec), opts=opts)
