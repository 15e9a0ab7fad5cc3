"""What every replica shows: zones, and answers to an authority's challenges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from components.platform.specs import Domain
from domains_operator import resolving, zones
from domains_operator.acme_issuer import Answers
from domains_operator.certificates import Cause, IssueError
from domains_operator.settings import Settings, Zone
from domains_operator.watching import CHALLENGES
from groundwork.waiting import wait_until

_DNS, _HTTP = "dns.", "http."
_SHOWN_SECONDS = 30


class Configs(Protocol):
    """Where challenges are shared between replicas."""

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data."""

    def set_config(self, name: str, data: Mapping[str, str | None]) -> None:
        """Set and remove keys."""


class Publisher:
    """Shares answers with every replica, waits until the zone servers have them, and takes them away afterwards."""

    def __init__(self, settings: Settings, configs: Configs) -> None:
        self._settings, self._configs = settings, configs

    def clear(self) -> None:
        """Take away what an earlier leader left."""
        left = self._configs.config(CHALLENGES)
        self._configs.set_config(CHALLENGES, dict.fromkeys(left))

    @contextmanager
    def publish(self, answers: Answers) -> Iterator[None]:
        """Show the answers while the block runs. Raises IssueError where the zone servers do not show them."""
        shared = {_key(name, value): json.dumps([name, value]) for name, value in answers.dns}
        shared |= {f"{_HTTP}{token}": value for token, value in answers.http.items()}
        self._configs.set_config(CHALLENGES, shared)
        try:
            for name, value in answers.dns:
                shown = partial(resolving.all_have, self._settings.servers, name, value)
                if not wait_until(shown, _SHOWN_SECONDS):
                    raise IssueError(Cause.UNREACHABLE, f"our own zone servers do not show {name}")
            yield
        finally:
            self._configs.set_config(CHALLENGES, dict.fromkeys(shared))


def dns_challenges(shared: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and TXT values."""
    rows = [json.loads(value) for key, value in shared.items() if key.startswith(_DNS)]
    return [(str(name), str(value)) for name, value in rows]


def http_challenge(shared: Mapping[str, str], token: str) -> str | None:
    """What the path of a token answers; None where nobody asked for it."""
    return shared.get(f"{_HTTP}{token}")


def content(settings: Settings, domains: Sequence[Domain], shared: Mapping[str, str]) -> dict[Zone, list[zones.Record]]:
    """All zones, from what the cluster holds. The same on every replica."""
    proved = [each for each in domains if each.status.verified_at is not None]
    hosts = {each.spec.host: each.metadata.namespace for each in proved}
    proofs = [
        (record.name, record.value)
        for each in domains
        if _is_tenants_own(each, settings)
        for record in each.status.records
        if record.type == "TXT"
    ]
    challenges = dns_challenges(shared)
    return {zone: zones.records(zone, settings, hosts, proofs, challenges) for zone in settings.zones}


def _is_tenants_own(domain: Domain, settings: Settings) -> bool:
    zone = settings.zone_of(domain.spec.host)
    return zone is not None and zone.tenant == domain.metadata.namespace


def _key(name: str, value: str) -> str:
    return _DNS + hashlib.sha256(f"{name} {value}".encode()).hexdigest()[:32]
