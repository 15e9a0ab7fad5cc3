"""Certificates in the gateway's namespace: gets them, notices when one is gone or wrong, removes what nobody uses."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from components.platform.specs import DomainStatus
from domains_operator import authorities, certificates, life, metrics, openbao
from domains_operator.certificates import Cause, Issued, IssueError, Issuer
from domains_operator.settings import Settings

# The ConfigMap that says which Secrets were given to the gateway: those are listed by nobody.
GIVEN = "given"
log = logging.getLogger("domains")


class Shelf(Protocol):
    """Where the gateway's certificates are, and what is known of them."""

    def tls(self, name: str) -> dict[str, bytes] | None:
        """A Secret's data."""

    def write_tls(self, name: str, key: bytes, chain: bytes) -> None:
        """Make or replace a Secret."""

    def delete_tls(self, name: str) -> None:
        """Remove a Secret."""

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data."""

    def set_config(self, name: str, data: Mapping[str, str | None]) -> None:
        """Set and remove keys of a ConfigMap."""


class Certifier:
    """Used by several threads, each for another Secret."""

    def __init__(self, settings: Settings, shelf: Shelf, issuers: Mapping[str, Issuer]) -> None:
        self._settings, self._shelf, self._issuers = settings, shelf, issuers
        self._checked: dict[str, datetime] = {}
        self._given = set(shelf.config(GIVEN))

    def due(self, status: DomainStatus, secret: str) -> datetime | None:
        """When to look after the certificate; None where there is to be none."""
        at = life.issue_at(status)
        return at if at is None or status.certificate is None else min(at, self._check_at(secret))

    def certify(self, status: DomainStatus, names: Sequence[str], secret: str, issuer: str) -> DomainStatus:
        """Do what is due. `names`: of the certificate, the one for people first. May take minutes."""
        now = datetime.now(UTC)
        if status.certificate is not None and self._check_at(secret) <= now:
            self._checked[secret] = now
            held = self._held(secret)
            if held is None or not self._is_right(held, names, issuer):
                log.warning("the Secret %s is gone or wrong: another is made", secret)
                status = life.without_certificate(status)
            elif issuer == "own" and not openbao.is_current(held.chain, self._shelf.config(openbao.CONFIG)):
                return self._renewed(status, names, secret, issuer)
        at = life.issue_at(status)
        if at is None or at > now:
            return status
        try:
            found = self._issue(names, secret, issuer)
        except IssueError as error:
            metrics.ISSUED.labels(result=error.cause.value).inc()
            log.warning("no certificate for %s: %s", names[0], error.detail)
            return life.not_issued(status, error, names[0], datetime.now(UTC), self._settings.pace)
        metrics.ISSUED.labels(result="Issued").inc()
        log.info("certificate for %s until %s", names[0], found.not_after.isoformat())
        self._checked[secret] = datetime.now(UTC)
        return life.issued(status, secret, found, datetime.now(UTC))

    def _renewed(self, status: DomainStatus, names: Sequence[str], secret: str, issuer: str) -> DomainStatus:
        """Another authority signs by now. What is served is good, and goes on to be until there is another."""
        try:
            found = self._issue(names, secret, issuer)
        except IssueError as error:
            metrics.ISSUED.labels(result=error.cause.value).inc()
            log.warning("no certificate of the present authority for %s: %s", names[0], error.detail)
            return status
        metrics.ISSUED.labels(result="Issued").inc()
        log.info("certificate for %s of the present authority until %s", names[0], found.not_after.isoformat())
        return life.issued(status, secret, found, datetime.now(UTC))

    def unused(self, kept: Collection[str]) -> set[str]:
        """The Secrets that were given for hosts that are no more."""
        return self._given - set(kept)

    def remove(self, secrets: Collection[str]) -> None:
        """Take Secrets away from the gateway."""
        for secret in sorted(secrets):
            self._shelf.delete_tls(secret)
            self._shelf.set_config(GIVEN, {secret: None})
            self._given.discard(secret)
            self._checked.pop(secret, None)
            log.info("removed the certificate %s", secret)

    def _issue(self, names: Sequence[str], secret: str, issuer: str) -> certificates.Facts:
        asked = self._issuers.get(issuer)
        if asked is None:
            raise IssueError(Cause.REFUSED, f"this environment has no authority called {issuer}")
        given = asked.issue(names)
        found = certificates.facts(given.chain)
        if found is None or not certificates.fits(given, names):
            raise IssueError(Cause.REFUSED, "the authority gave a certificate for other names")
        if secret not in self._given:
            # Written down first: whatever happens, a later pass knows of the Secret and removes it without a host.
            self._shelf.set_config(GIVEN, {secret: names[0]})
            self._given.add(secret)
        self._shelf.write_tls(secret, given.key, given.chain)
        return found

    def _check_at(self, secret: str) -> datetime:
        checked = self._checked.get(secret)
        return datetime.min.replace(tzinfo=UTC) if checked is None else checked + self._settings.pace.verified

    def _held(self, secret: str) -> Issued | None:
        data = self._shelf.tls(secret)
        return None if data is None else Issued(key=data.get("tls.key", b""), chain=data.get("tls.crt", b""))

    def _is_right(self, held: Issued, names: Sequence[str], issuer: str) -> bool:
        found = certificates.facts(held.chain)
        name = found.issuer if found is not None else ""
        own = name == authorities.own_name(self._settings) or openbao.is_its(name)
        return own == (issuer == "own") and certificates.fits(held, names)
