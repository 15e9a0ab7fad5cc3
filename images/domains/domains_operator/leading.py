"""What one replica does for all: looks for proofs, gets certificates, brings them to the gateway."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import JsonValue, ValidationError

from components.platform.specs import Domain, DomainStatus
from domains_operator import gateway, life, metrics, proof
from domains_operator.certificates import Issuer
from domains_operator.certifying import Certifier, Shelf
from domains_operator.cluster import GatewayHost, Gone
from domains_operator.settings import Settings

# The ConfigMap with the state of our zones' wildcards, as Domains have it in their status.
WILDCARDS = "wildcards"
_WORKERS = 8
_SHORTEST, _LONGEST = timedelta(milliseconds=200), timedelta(seconds=30)
_PAST, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
log = logging.getLogger("domains")


class Hands(Shelf, Protocol):
    """What the leader reads and writes."""

    def domain(self, namespace: str, name: str) -> Domain:
        """The object as it is now."""

    def all_domains(self) -> list[Domain]:
        """All objects as they are now."""

    def write_status(self, domain: Domain, status: DomainStatus) -> None:
        """Replace the status of what was read."""

    def event(self, domain: Domain, kind: str, reason: str, message: str) -> None:
        """Tell of a change."""

    def gateways(self) -> dict[str, frozenset[GatewayHost]]:
        """Hosts by Gateway."""

    def write_gateway(self, name: str, body: Mapping[str, JsonValue]) -> None:
        """Make or replace a Gateway."""

    def delete_gateway(self, name: str) -> None:
        """Remove a Gateway."""


class Leader:
    """One pass after another over all hosts; each host's slow work runs beside the others'."""

    def __init__(
        self,
        settings: Settings,
        hands: Hands,
        issuers: Mapping[str, Issuer],
        key: bytes,
        domains: Callable[[], Sequence[Domain]],
    ) -> None:
        self._settings, self._hands, self._key, self._domains = settings, hands, key, domains
        self._certifier = Certifier(settings, hands, issuers)
        self._wildcards = {zone.name: _DEFAULT for zone in settings.zones if zone.tenant is None}
        self._wildcards |= {
            zone: status
            for zone, text in hands.config(WILDCARDS).items()
            if zone in self._wildcards and (status := _status(text)) is not None
        }
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="host")
        self._running: dict[str, Future[None]] = {}
        self.wake = threading.Event()

    def run(self) -> None:
        """For ever. What fails is logged and done again at the next pass."""
        while True:
            self.wake.clear()
            try:
                wait = self.do_pass()
            except Exception:
                log.exception("a pass failed")
                wait = timedelta(seconds=5)
            self.wake.wait(wait.total_seconds())

    def do_pass(self) -> timedelta:
        """Start what is due, bring the gateway in line; how long until something is due again."""
        now, domains = datetime.now(UTC), self._domains()
        metrics.count(domains, self._wildcards)
        nexts = [self._start(zone, self._zone_due(zone), now, self._zone_work) for zone in self._wildcards]
        for domain in domains:
            key = f"{domain.metadata.namespace}/{domain.metadata.name}"
            nexts.append(self._start(key, self._due(domain, domains), now, self._domain_work))
        self._bring_in_line(domains)
        return min([_LONGEST, *(max(at - now, _SHORTEST) for at in nexts)])

    def step(self, domain: Domain) -> DomainStatus:
        """The host's status after all that is due just now was done."""
        now, pace, status = datetime.now(UTC), self._settings.pace, domain.status
        why = life.refusal(domain, self._domains(), self._settings)
        if why is not None:
            return status if (status.state, status.reason) == ("Failed", why) else life.refused(status, why, now)
        host, tenant = domain.spec.host, domain.metadata.namespace
        records = proof.wanted(self._key, tenant, host, self._settings.domain)
        said = life.awaiting(status, records, now)
        if said != status:
            return said  # what to set is shown at once, before the first look
        if life.look_at(status, _created(domain), pace) <= now:
            status = life.looked(status, proof.look(self._settings.resolvers, records), now, pace)
            if status.state != domain.status.state:
                return status  # the same goes for what was found
        issuer = domain.spec.issuer or self._settings.issuer
        return self._certifier.certify(status, [host], gateway.secret_name(host), issuer)

    def _due(self, domain: Domain, others: Sequence[Domain]) -> datetime:
        """When there is something to do for a host."""
        status = domain.status
        why = life.refusal(domain, others, self._settings)
        if why is not None:
            return _NEVER if (status.state, status.reason) == ("Failed", why) else _PAST
        if not status.records:
            return _PAST
        certificate = self._certifier.due(status, gateway.secret_name(domain.spec.host))
        return min(life.look_at(status, _created(domain), self._settings.pace), certificate or _NEVER)

    def _start(self, key: str, at: datetime, now: datetime, work: Callable[[str], None]) -> datetime:
        """Begin the work if it is due and not under way; when to look again."""
        running = self._running.get(key)
        if running is not None and not running.done():
            return now + _LONGEST
        self._running.pop(key, None)
        if at > now:
            return at
        self._running[key] = self._pool.submit(work, key)
        self._running[key].add_done_callback(lambda _done: self.wake.set())
        return now + _LONGEST

    def _domain_work(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            domain = self._hands.domain(namespace, name)
            while (after := self.step(domain)) != domain.status:
                self._hands.write_status(domain, after)
                self._tell(domain, after)
                domain = self._hands.domain(namespace, name)
        except Gone:
            return
        except Exception:
            log.exception("work on %s failed", key)

    def _tell(self, domain: Domain, after: DomainStatus) -> None:
        before = domain.status
        if (before.state, before.lost_at is None, bool(before.records)) == (
            after.state, after.lost_at is None, bool(after.records)
        ):  # fmt: skip
            return
        kind = "Warning" if after.state == "Failed" or after.lost_at is not None else "Normal"
        log.info("%s: %s, %s", domain.spec.host, after.state, after.reason or "well")
        self._hands.event(domain, kind, after.state, after.reason or f"{domain.spec.host} is {after.state.lower()}")

    # ---- our own zones

    def _zone_due(self, zone: str) -> datetime:
        return self._certifier.due(self._wildcards[zone], gateway.wildcard_secret(zone, self._settings)) or _PAST

    def _zone_work(self, zone: str) -> None:
        secret, before = gateway.wildcard_secret(zone, self._settings), self._wildcards[zone]
        try:
            after = self._certifier.certify(before, [f"*.{zone}", zone], secret, self._settings.issuer)
            if after != before:
                self._wildcards[zone] = after
                self._hands.set_config(WILDCARDS, {zone: after.model_dump_json(by_alias=True, exclude_none=True)})
        except Exception:
            log.exception("work on the wildcard of %s failed", zone)

    # ---- the gateway

    def _bring_in_line(self, domains: Sequence[Domain]) -> None:
        """First the gateway's servers, then Secrets that no server uses any more."""
        try:
            have = self._hands.gateways()
        except Gone:
            have = None  # this cluster has no Istio
        if self._takes_away(have or {}, domains):
            # What is watched may lag behind: a host that has just got its certificate must not lose it.
            domains = self._hands.all_domains()
        wanted = {gateway.gateway_name(tenant): (tenant, hosts) for tenant, hosts in gateway.wanted(domains).items()}
        if have is not None:
            for name, (tenant, hosts) in wanted.items():
                if have.get(name) != hosts:
                    self._hands.write_gateway(name, gateway.manifest(tenant, hosts, self._settings))
            for name in have.keys() - wanted.keys():
                self._hands.delete_gateway(name)
        self._certifier.remove(self._certifier.unused(self._kept(domains)))

    def _takes_away(self, have: Mapping[str, frozenset[GatewayHost]], domains: Sequence[Domain]) -> bool:
        served = frozenset[GatewayHost]().union(*have.values())
        wanted = frozenset[GatewayHost]().union(*gateway.wanted(domains).values())
        return bool(served - wanted) or bool(self._certifier.unused(self._kept(domains)))

    def _kept(self, domains: Sequence[Domain]) -> set[str]:
        """The Secrets that there is use for. A host is verified before it gets a certificate."""
        kept = {gateway.wildcard_secret(zone, self._settings) for zone in self._wildcards}
        return kept | {gateway.secret_name(each.spec.host) for each in domains if each.status.verified_at is not None}


_DEFAULT = DomainStatus(state="Verified", verified_at=_PAST)


def _status(text: str) -> DomainStatus | None:
    try:
        return DomainStatus.model_validate_json(text)
    except ValidationError:
        return None


def _created(domain: Domain) -> datetime:
    return domain.metadata.creation_timestamp or _PAST
