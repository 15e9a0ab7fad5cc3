"""Domains as objects of a cluster, for the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from components.domains.names import BY_HAND, MANAGED_BY, NAMESPACE, TRUST
from components.labels import TENANT
from components.platform.specs import API_VERSION, GROUP, VERSION, Domain, Tenant
from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, CustomObjectsApi

_TIMEOUT = (5, 20)
Answer = TypeVar("Answer")


class DomainStore:
    """The Domains of a cluster. Every method raises UserError where the cluster does not answer or refuses."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import client, config

        self._where = f"cluster of {kubeconfig}"
        loaded = client.Configuration()
        load: Callable[..., None] = config.load_kube_config
        self._run(lambda: load(str(kubeconfig), client_configuration=loaded))
        self._connection: ApiClient = client.ApiClient(loaded)
        self._api: CustomObjectsApi = client.CustomObjectsApi(self._connection)

    def tenants(self) -> list[str]:
        """The names of all tenants."""
        found = self._run(
            lambda: self._api.list_cluster_custom_object(GROUP, VERSION, Tenant.plural, _request_timeout=_TIMEOUT)
        )
        return sorted(Tenant.model_validate(each).metadata.name for each in _items(found))

    def domains(self, tenant: str | None = None) -> list[Domain]:
        """A tenant's domains, or all, by host."""

        def read() -> object:
            if tenant is None:
                return self._api.list_cluster_custom_object(GROUP, VERSION, Domain.plural, _request_timeout=_TIMEOUT)
            return self._api.list_namespaced_custom_object(
                GROUP, VERSION, tenant, Domain.plural, _request_timeout=_TIMEOUT
            )

        found = [Domain.model_validate(each) for each in _items(self._run(read))]
        return sorted(found, key=lambda each: (each.spec.host, each.metadata.namespace))

    def domain(self, tenant: str, host: str) -> Domain:
        """One domain. Raises UserError where the tenant has none of this host."""
        for each in self.domains(tenant):
            if each.spec.host == host:
                return each
        raise UserError(
            what=f"{tenant} has no domain {host}",
            where=self._where,
            allowed=", ".join(each.spec.host for each in self.domains(tenant)) or "it has none",
            fix=f"groundwork domain add {tenant} {host}",
        )

    def add(self, tenant: str, host: str, issuer: str | None) -> None:
        """Make the object; done again, it stays as it is."""
        from kubernetes.client.exceptions import ApiException

        body = {
            "apiVersion": API_VERSION,
            "kind": "Domain",
            "metadata": {"name": host, "namespace": tenant, "labels": {TENANT: tenant, MANAGED_BY: BY_HAND}},
            "spec": {"host": host} | ({"issuer": issuer} if issuer else {}),
        }

        def create() -> None:
            try:
                self._api.create_namespaced_custom_object(
                    GROUP, VERSION, tenant, Domain.plural, body, _request_timeout=_TIMEOUT
                )
            except ApiException as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise

        self._run(create)

    def remove(self, domain: Domain) -> None:
        """Delete the object; the operator takes the rest away. Raises UserError for one that a stack declares."""
        meta = domain.metadata
        if meta.labels.get(MANAGED_BY) == "pulumi":
            raise UserError(
                what=f"{domain.spec.host} is declared by the stack of {meta.namespace}",
                fix=f"take it out of `hosts` in tenants/{meta.namespace}/tenant.yaml, then run `groundwork up` again",
            )
        self._run(
            lambda: self._api.delete_namespaced_custom_object(
                GROUP, VERSION, meta.namespace, Domain.plural, meta.name, _request_timeout=_TIMEOUT
            )
        )

    def look_again(self, domain: Domain) -> None:
        """Have the operator look for the proof now, and try again at once what failed."""
        meta = domain.metadata
        body = {"status": {"checkedAt": None, "retryAt": None}}
        self._run(
            lambda: self._api.patch_namespaced_custom_object_status(
                GROUP, VERSION, meta.namespace, Domain.plural, meta.name, body, _request_timeout=_TIMEOUT
            )
        )

    def authority(self) -> str | None:
        """What clients are to trust of the platform's own, PEM; None where there is nothing yet.

        The operator's own authority, and the mesh's roots where OpenBao signs below them.
        """

        def read(name: str, key: str) -> str | None:
            data = self._config_map(name)
            return None if data is None else str(data[key])

        own, roots = self._run(lambda: [read(name, key) for name, key in TRUST])
        return None if own is None else own + (roots or "")

    def _config_map(self, name: str) -> dict[str, object] | None:
        """What is in it; None where it is not there. Asked without the library's `CoreV1Api`, whose import alone takes
        three seconds of processor time.
        """
        from kubernetes.client.exceptions import ApiException

        path, accept = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}", {"Accept": "application/json"}
        question = self._connection.param_serialize("GET", path, header_params=accept, auth_settings=["BearerToken"])
        answer = self._connection.call_api(*question, _request_timeout=_TIMEOUT)
        body = answer.read()
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise ApiException(status=answer.status, reason=answer.reason, body=body.decode("utf-8", "replace"))
        data: dict[str, object] = json.loads(body).get("data") or {}
        return data

    def _run(self, call: Callable[[], Answer]) -> Answer:
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            return call()
        except ApiException as error:
            raise UserError(what=_said(error), where=self._where, code=ExitCode.ERROR) from None
        except (HTTPError, ConfigException) as error:
            raise UserError(
                what=f"it does not answer: {error}",
                where=self._where,
                fix="check that it runs (groundwork doctor)",
                code=ExitCode.ERROR,
            ) from None


def _items(found: object) -> list[object]:
    return list(found["items"]) if isinstance(found, dict) else []


def _said(error: BaseException) -> str:
    body = getattr(error, "body", None)
    try:
        return str(json.loads(body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(getattr(error, "reason", error))
