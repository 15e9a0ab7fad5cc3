"""What the authorizer knows: tenants by their hosts, API keys by tenant and id. Watches change it, requests read it.

Hosts are those of the tenants' objects, and the custom domains that are proven and have a certificate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from components.platform.specs import ApiKey, Domain, Tenant

NOBODY = ""
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger("authorizer.directory")


class Directory:
    """All tenants and keys. `changed` is called with the name of each tenant of which something changed.

    An object counts only in the namespace of its tenant, and a key is looked for only among its tenant's: who may write
    objects in one namespace has no say over another tenant. NOBODY stands for hosts that are no tenant's.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._tenants: dict[str, Tenant] = {}
        self._domains: dict[tuple[str, str], Domain] = {}
        self._hosts: dict[str, Tenant] = {}
        self._keys: dict[tuple[str, str], ApiKey] = {}
        self._changed = changed

    def tenant_at(self, host: str) -> Tenant | None:
        """Whose host it is."""
        return self._hosts.get(host)

    def tenants(self) -> Iterable[Tenant]:
        """All of them."""
        return self._tenants.values()

    def key(self, tenant: str, key_id: str) -> ApiKey | None:
        """One of the tenant's keys."""
        return self._keys.get((tenant, key_id))

    def count(self) -> tuple[int, int]:
        """How many tenants and keys there are."""
        return len(self._tenants), len(self._keys)

    def put_tenant(self, tenant: Tenant) -> None:
        """A tenant is new, or changed."""
        if self._store_tenant(tenant):
            self._tenants_changed({tenant.metadata.name})

    def drop_tenant(self, namespace: str, name: str) -> None:
        """A tenant is gone."""
        if name == namespace and self._tenants.pop(name, None) is not None:
            self._tenants_changed({name})

    def replace_tenants(self, tenants: Iterable[Tenant]) -> None:
        """These are all there are."""
        listed = {tenant.metadata.name: tenant for tenant in tenants if _at_home(tenant, tenant.metadata.name)}
        gone = set(self._tenants) - set(listed)
        for name in gone:
            del self._tenants[name]
        self._tenants_changed(gone | {name for name, tenant in listed.items() if self._store_tenant(tenant)})

    def put_domain(self, domain: Domain) -> None:
        """A custom domain is new, or changed."""
        self._replace_domains(self._domains | {_place(domain): domain})

    def drop_domain(self, namespace: str, name: str) -> None:
        """A custom domain is gone."""
        self._replace_domains({place: each for place, each in self._domains.items() if place != (namespace, name)})

    def replace_domains(self, domains: Iterable[Domain]) -> None:
        """These are all there are."""
        self._replace_domains({_place(domain): domain for domain in domains})

    def put_key(self, key: ApiKey) -> None:
        """A key is new, or changed. What the authorizer itself counted is no change that matters."""
        if not _at_home(key, key.spec.scope.org):
            return
        place = _place(key)
        before = self._keys.get(place)
        self._keys[place] = key
        if before is None or before.spec != key.spec:
            self._changed(key.metadata.namespace)

    def drop_key(self, namespace: str, name: str) -> None:
        """A key is gone."""
        if self._keys.pop((namespace, name), None) is not None:
            self._changed(namespace)

    def replace_keys(self, keys: Iterable[ApiKey]) -> None:
        """These are all there are."""
        listed = list(keys)
        for namespace, name in set(self._keys) - {_place(key) for key in listed}:
            self.drop_key(namespace, name)
        for key in listed:
            self.put_key(key)

    def _store_tenant(self, tenant: Tenant) -> bool:
        """Whether that changed anything."""
        name = tenant.metadata.name
        before = self._tenants.get(name)
        if not _at_home(tenant, name) or (before is not None and before.spec == tenant.spec):
            return False
        self._tenants[name] = tenant
        return True

    def _replace_domains(self, domains: dict[tuple[str, str], Domain]) -> None:
        before, self._domains = _served(self._domains.values()), domains
        self._tenants_changed({namespace for _, namespace in before ^ _served(domains.values())})

    def _tenants_changed(self, names: set[str]) -> None:
        """A host belongs to the tenant that was there first; what tenants' objects say goes before custom domains."""
        if not names:
            return
        self._hosts = {}
        for tenant in sorted(self._tenants.values(), key=_age):
            for host in tenant.spec.hosts:
                if self._hosts.setdefault(host, tenant) is not tenant:
                    _log.warning("a host is another tenant's already", extra=_fields(tenant, host=host))
        for host, namespace in sorted(_served(self._domains.values())):
            owner = self._tenants.get(namespace)
            if owner is not None:
                self._hosts.setdefault(host, owner)
        for name in names | {NOBODY}:
            self._changed(name)


def _at_home(one: Tenant | ApiKey, namespace: str) -> bool:
    if one.metadata.namespace == namespace:
        return True
    _log.warning(f"{type(one).__name__} outside its tenant's namespace is passed over", extra=_fields(one))
    return False


def _served(domains: Iterable[Domain]) -> set[tuple[str, str]]:
    """Host and tenant of the custom domains that are served."""
    return {(each.spec.host, each.metadata.namespace) for each in domains if each.status.state == "Issued"}


def _place(one: ApiKey | Domain) -> tuple[str, str]:
    return one.metadata.namespace, one.metadata.name


def _age(tenant: Tenant) -> tuple[datetime, str]:
    return tenant.metadata.creation_timestamp or _BEGINNING, tenant.metadata.name


def _fields(one: Tenant | ApiKey, **more: str) -> Mapping[str, Mapping[str, str]]:
    return {"fields": {"namespace": one.metadata.namespace, "name": one.metadata.name, **more}}
