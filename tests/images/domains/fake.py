"""A cluster in memory, and authorities that do as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import JsonValue

from components.platform.specs import Domain, DomainStatus
from domains_operator.certificates import Issued, IssueError, OwnIssuer, new_authority
from domains_operator.cluster import GatewayHost, Gone
from domains_operator.gateway import gateway_name

AUTHORITY = new_authority("Groundwork groundwork.test", timedelta(days=3650))


@dataclass
class FakeCluster:
    """What the leader reads and writes. `istio`: whether Gateways can be had."""

    objects: dict[tuple[str, str], Domain] = field(default_factory=dict)
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    hosts: dict[str, frozenset[GatewayHost]] = field(default_factory=dict)
    events: list[tuple[str, str]] = field(default_factory=list)
    istio: bool = True

    def put(self, domain: Domain) -> None:
        self.objects[domain.metadata.namespace, domain.metadata.name] = domain

    def domains(self) -> list[Domain]:
        return list(self.objects.values())

    def domain(self, namespace: str, name: str) -> Domain:
        try:
            return self.objects[namespace, name]
        except KeyError:
            raise Gone from None

    def all_domains(self) -> list[Domain]:
        return self.domains()

    def write_status(self, domain: Domain, status: DomainStatus) -> None:
        self.put(self.domain(domain.metadata.namespace, domain.metadata.name).model_copy(update={"status": status}))

    def event(self, domain: Domain, kind: str, reason: str, message: str) -> None:  # noqa: ARG002
        self.events.append((kind, reason))

    def tls(self, name: str) -> dict[str, bytes] | None:
        return self.secrets.get(name)

    def write_tls(self, name: str, key: bytes, chain: bytes) -> None:
        self.secrets[name] = {"tls.key": key, "tls.crt": chain}

    def delete_tls(self, name: str) -> None:
        self.secrets.pop(name, None)

    def config(self, name: str) -> dict[str, str]:
        return dict(self.configs.get(name, {}))

    def set_config(self, name: str, data: Mapping[str, str | None]) -> None:
        held = self.configs.setdefault(name, {})
        for key, value in data.items():
            if value is None:
                held.pop(key, None)
            else:
                held[key] = value

    def gateways(self) -> dict[str, frozenset[GatewayHost]]:
        if not self.istio:
            raise Gone
        return dict(self.hosts)

    def write_gateway(self, name: str, body: Mapping[str, JsonValue]) -> None:
        spec = body["spec"]
        assert isinstance(spec, dict)
        rows = spec["servers"]
        assert isinstance(rows, list)
        found = set()
        for row in rows:
            assert isinstance(row, dict)
            hosts, tls = row["hosts"], row["tls"]
            assert isinstance(hosts, list)
            assert isinstance(tls, dict)
            tenant, _, host = str(hosts[0]).partition("/")
            assert gateway_name(tenant) == name
            found.add(GatewayHost(host, str(tls["credentialName"])))
        self.hosts[name] = frozenset(found)

    def delete_gateway(self, name: str) -> None:
        del self.hosts[name]


@dataclass
class FakeIssuer:
    """Signs with an own authority, or raises what it is told to, one error an order."""

    errors: list[IssueError] = field(default_factory=list)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    life: timedelta = timedelta(days=90)

    def issue(self, names: Sequence[str]) -> Issued:
        self.orders.append(tuple(names))
        if self.errors:
            raise self.errors.pop(0)
        return OwnIssuer(AUTHORITY, self.life).issue(names)
