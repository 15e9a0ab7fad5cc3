"""API keys as objects of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from components.gateway.keys import manifest, written
from components.platform.specs import GROUP, VERSION, ApiKey, ApiKeySpec, Domain, Tenant
from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from kubernetes.client import CustomObjectsApi

TIMEOUT = (5, 20)
# How often a write is tried that met another one.
CHANGES = 5
Kind = TypeVar("Kind", Tenant, ApiKey, Domain)
Answer = TypeVar("Answer")


class KeyStore:
    """The keys of a cluster. Every method raises UserError where the cluster does not answer or refuses."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import client, config

        self._where = f"cluster of {kubeconfig}"
        loaded = client.Configuration()
        load: Callable[..., None] = config.load_kube_config
        self._run(lambda: load(str(kubeconfig), client_configuration=loaded))
        self._api: CustomObjectsApi = client.CustomObjectsApi(client.ApiClient(loaded))

    def tenants(self) -> list[Tenant]:
        """All tenants."""
        return self._list(Tenant)

    def hosts(self, tenant: Tenant) -> set[str]:
        """The tenant's hosts: the platform's, and domains of its own."""
        own = {each.spec.host for each in self._list(Domain, namespace=tenant.metadata.name)}
        return own | set(tenant.spec.hosts)

    def keys(self, tenant: str | None = None) -> list[ApiKey]:
        """A tenant's keys, or all, the oldest first."""
        return sorted(self._list(ApiKey, namespace=tenant), key=lambda key: key.spec.created_at)

    def key(self, key_id: str) -> ApiKey:
        """One key. Raises UserError where there is none with this id."""
        found = self._list(ApiKey, field_selector=f"metadata.name={key_id}")
        if not found:
            raise UserError(what=f"there is no key {key_id!r}", where=self._where, fix="groundwork key list")
        return found[0]

    def create(self, key_id: str, spec: ApiKeySpec) -> None:
        """Write a new key."""
        self._run(
            lambda: self._api.create_namespaced_custom_object(
                GROUP, VERSION, spec.scope.org, ApiKey.plural, manifest(key_id, spec), _request_timeout=TIMEOUT
            )
        )

    def change(self, key: ApiKey, spec: ApiKeySpec) -> None:
        """Write a key anew, if nobody else did since it was read.

        The authorizers note the uses of a key on the same object every few seconds: that is not in the way.
        """
        seen = key
        for _ in range(CHANGES):
            if self._write(seen, spec):
                return
            seen = self.key(key.metadata.name)
            if seen.spec != key.spec:
                break
        raise UserError(what="somebody else changed the key just now", fix="run it again")

    def _write(self, key: ApiKey, spec: ApiKeySpec) -> bool:
        """Whether it was written: not where the object is another than the one that was read."""
        from kubernetes.client.exceptions import ApiException

        body = {"metadata": {"resourceVersion": key.metadata.resource_version}, "spec": written(spec)}

        def write() -> bool:
            try:
                self._api.patch_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    key.metadata.namespace,
                    ApiKey.plural,
                    key.metadata.name,
                    body,
                    _request_timeout=TIMEOUT,
                )
            except ApiException as error:
                if error.status == HTTPStatus.CONFLICT:
                    return False
                raise
            return True

        return self._run(write)

    def _list(self, kind: type[Kind], namespace: str | None = None, field_selector: str | None = None) -> list[Kind]:
        def read() -> Iterable[object]:
            if namespace is None:
                answer = self._api.list_cluster_custom_object(
                    GROUP, VERSION, kind.plural, field_selector=field_selector, _request_timeout=TIMEOUT
                )
            else:
                answer = self._api.list_namespaced_custom_object(
                    GROUP, VERSION, namespace, kind.plural, field_selector=field_selector, _request_timeout=TIMEOUT
                )
            return answer["items"] if isinstance(answer, dict) else ()

        return [kind.model_validate(item) for item in self._run(read)]

    def _run(self, call: Callable[[], Answer]) -> Answer:
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            return call()
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                fix = "groundwork up local"
                raise UserError(what="the cluster has no API keys", where=self._where, fix=fix) from None
            what = f"the cluster refused: {error.reason}"
            raise UserError(what=what, where=self._where, code=ExitCode.ERROR) from None
        except (HTTPError, ConfigException, OSError) as error:
            what = f"the cluster does not answer ({type(error).__name__})"
            raise UserError(what=what, where=self._where, fix="groundwork doctor", code=ExitCode.ERROR) from None
