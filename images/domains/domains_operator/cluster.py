"""What the operator reads and writes in the cluster."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from pydantic import JsonValue

from components.platform.specs import GROUP, VERSION, Domain, DomainStatus
from domains_operator.objects import OBJECT, parse, texts

LABELS = {"app.kubernetes.io/part-of": "groundwork", "app.kubernetes.io/managed-by": "groundwork-domains"}
TLS = "kubernetes.io/tls"
_ISTIO = ("networking.istio.io", "v1")
_TIMEOUT = (5, 30)
log = logging.getLogger("domains")


class Gone(Exception):  # noqa: N818 – it is no error
    """The object is not there, or was changed by another."""


@dataclass(frozen=True)
class GatewayHost:
    """One custom host at the gateway, with the Secret that its certificate is in."""

    host: str
    secret: str


class Cluster:
    """What is read and written by name."""

    def __init__(self, namespace: str, gateway_namespace: str) -> None:
        self._namespace, self._gateway_namespace = namespace, gateway_namespace
        self._core, self._custom = client.CoreV1Api(), client.CustomObjectsApi()

    # ---- Domains

    def domain(self, namespace: str, name: str) -> Domain:
        """The object as it is now. Raises Gone."""
        with _gone():
            found = self._custom.get_namespaced_custom_object(
                GROUP, VERSION, namespace, Domain.plural, name, _request_timeout=_TIMEOUT
            )
        parsed = parse(OBJECT.validate_python(found))
        if parsed is None:
            raise Gone
        return parsed

    def all_domains(self) -> list[Domain]:
        """All objects as they are now, which what is watched may not show yet."""
        found = self._custom.list_custom_object_for_all_namespaces(
            GROUP, VERSION, Domain.plural, _request_timeout=_TIMEOUT
        )
        rows = OBJECT.validate_python(found)["items"]
        parsed = [parse(OBJECT.validate_python(each)) for each in rows] if isinstance(rows, list) else []
        return [each for each in parsed if each is not None]

    def write_status(self, domain: Domain, status: DomainStatus) -> None:
        """Replace the status that was read. Raises Gone where the object was changed or removed since."""
        meta = domain.metadata
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Domain",
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
                "resourceVersion": meta.resource_version,
            },
            "spec": domain.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        with _gone():
            self._custom.replace_namespaced_custom_object_status(
                GROUP, VERSION, meta.namespace, Domain.plural, meta.name, body, _request_timeout=_TIMEOUT
            )

    def event(self, domain: Domain, kind: str, reason: str, message: str) -> None:
        """Tell of a change, as `kubectl describe` shows it. `kind`: Normal or Warning."""
        meta, now = domain.metadata, datetime.now(UTC)
        reference = client.V1ObjectReference(
            api_version=f"{GROUP}/{VERSION}", kind="Domain", name=meta.name, namespace=meta.namespace, uid=meta.uid
        )
        body = client.CoreV1Event(
            metadata=client.V1ObjectMeta(generate_name=f"{meta.name[:200]}.", namespace=meta.namespace),
            involved_object=reference,
            type=kind,
            reason=reason,
            message=message[:1000],
            first_timestamp=now,
            last_timestamp=now,
            count=1,
            source=client.V1EventSource(component="groundwork-domains"),
        )
        try:
            self._core.create_namespaced_event(meta.namespace, body, _request_timeout=_TIMEOUT)
        except ApiException as error:
            log.warning("an event was not taken: %s", error.reason)

    # ---- Secrets

    def secret(self, name: str) -> dict[str, bytes] | None:
        """One of the operator's own."""
        return self._secret(self._namespace, name)

    def make_secret(self, name: str, data: Mapping[str, bytes], kind: str = "Opaque") -> None:
        """Make one of the operator's own."""
        self._core.create_namespaced_secret(self._namespace, _secret(name, data, kind), _request_timeout=_TIMEOUT)

    def tls(self, name: str) -> dict[str, bytes] | None:
        """A certificate of the gateway's."""
        return self._secret(self._gateway_namespace, name)

    def write_tls(self, name: str, key: bytes, chain: bytes) -> None:
        """Give the gateway a certificate."""
        body = _secret(name, {"tls.key": key, "tls.crt": chain}, TLS)
        try:
            self._core.replace_namespaced_secret(name, self._gateway_namespace, body, _request_timeout=_TIMEOUT)
        except ApiException as error:
            if error.status != 404:
                raise
            self._core.create_namespaced_secret(self._gateway_namespace, body, _request_timeout=_TIMEOUT)

    def delete_tls(self, name: str) -> None:
        """Take a certificate away; no error if there is none."""
        try:
            self._core.delete_namespaced_secret(name, self._gateway_namespace, _request_timeout=_TIMEOUT)
        except ApiException as error:
            if error.status != 404:
                raise

    # ---- ConfigMaps

    def config(self, name: str) -> dict[str, str]:
        """The data of one of the operator's own ConfigMaps; nothing where there is none."""
        try:
            found = self._core.read_namespaced_config_map(name, self._namespace, _request_timeout=_TIMEOUT)
        except ApiException as error:
            if error.status != 404:
                raise
            return {}
        return dict(found.data or {})

    def set_config(self, name: str, data: Mapping[str, str | None]) -> None:
        """Set keys of one of the operator's own ConfigMaps; None removes a key."""
        body = {"data": dict(data)}
        try:
            self._core.patch_namespaced_config_map(
                name, self._namespace, body, _content_type="application/merge-patch+json", _request_timeout=_TIMEOUT
            )
        except ApiException as error:
            if error.status != 404:
                raise
            kept = {key: value for key, value in data.items() if value is not None}
            made = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=LABELS), data=kept)
            self._core.create_namespaced_config_map(self._namespace, made, _request_timeout=_TIMEOUT)

    # ---- the gateway

    def gateways(self) -> dict[str, frozenset[GatewayHost]]:
        """The Istio Gateways of custom hosts, by name. Raises Gone where the cluster has no Istio."""
        with _gone():
            found = self._custom.list_namespaced_custom_object(
                *_ISTIO,
                self._gateway_namespace,
                "gateways",
                label_selector="app.kubernetes.io/managed-by=groundwork-domains",
                _request_timeout=_TIMEOUT,
            )
        rows = OBJECT.validate_python(found)["items"]
        return dict(map(_hosts, rows if isinstance(rows, list) else []))

    def write_gateway(self, name: str, body: Mapping[str, JsonValue]) -> None:
        """Make or replace an Istio Gateway. Raises Gone where the cluster has no Istio."""
        place = (*_ISTIO, self._gateway_namespace, "gateways")
        with _gone():
            self._custom.patch_namespaced_custom_object(
                *place,
                name,
                dict(body),
                field_manager="groundwork-domains",
                force=True,
                _content_type="application/apply-patch+yaml",
                _request_timeout=_TIMEOUT,
            )

    def delete_gateway(self, name: str) -> None:
        """Remove an Istio Gateway; no error if there is none."""
        try:
            with _gone():
                self._custom.delete_namespaced_custom_object(
                    *_ISTIO, self._gateway_namespace, "gateways", name, _request_timeout=_TIMEOUT
                )
        except Gone:
            return

    def _secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        try:
            found = self._core.read_namespaced_secret(name, namespace, _request_timeout=_TIMEOUT)
        except ApiException as error:
            if error.status != 404:
                raise
            return None
        raw = client.ApiClient().sanitize_for_serialization(found)
        return {key: base64.b64decode(value) for key, value in texts(raw.get("data")).items()}


def _secret(name: str, data: Mapping[str, bytes], kind: str) -> client.V1Secret:
    return client.V1Secret(
        metadata=client.V1ObjectMeta(name=name, labels=LABELS),
        type=kind,
        data={key: base64.b64encode(value).decode() for key, value in data.items()},
    )


def _hosts(found: JsonValue) -> tuple[str, frozenset[GatewayHost]]:
    whole = json.loads(json.dumps(found))
    servers = whole["spec"].get("servers", [])
    rows = [GatewayHost(each["hosts"][0].rpartition("/")[2], each["tls"]["credentialName"]) for each in servers]
    return whole["metadata"]["name"], frozenset(rows)


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        if error.status in {404, 409}:
            raise Gone from None
        raise
