"""The life of a host: from added, over proved, to a certificate, renewals, and its end. Pure: no clock, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from components.platform.specs import Certificate, Condition, DnsRecord, Domain, DomainStatus
from domains_operator.certificates import Cause, Facts, IssueError
from domains_operator.proof import Look, Seen
from domains_operator.settings import Pace, Settings

VERIFIED, ISSUED = "Verified", "CertificateIssued"
_MAX_DOUBLINGS = 16


def refusal(domain: Domain, others: Iterable[Domain], settings: Settings) -> str | None:
    """Why this tenant cannot have the host at all; None if it may prove that it can.

    A host is whose proof was seen first: adding an object alone keeps nobody away.
    """
    host, tenant = domain.spec.host, domain.metadata.namespace
    zone = settings.zone_of(host)
    if zone is not None and zone.tenant is None:
        return f"{host} is in the platform's own zone {zone.name}"
    if zone is not None and zone.tenant != tenant:
        return f"{host} is in a zone that is kept for another tenant"
    for other in others:
        same = other.metadata.namespace == tenant
        if other.spec.host != host or other.metadata.uid == domain.metadata.uid:
            continue
        if same and _age(other) < _age(domain):
            return f"{host} stands in the Domain {other.metadata.name} already"
        if not same and _claim(other) is not None and _before(other, domain):
            return f"{host} was verified by another tenant"
    return None


def refused(status: DomainStatus, why: str, now: datetime) -> DomainStatus:
    """Not this tenant's: nothing is kept."""
    reset = status.model_copy(
        update={
            "state": "Failed",
            "reason": why,
            "records": [],
            "verified_at": None,
            "lost_at": None,
            "certificate": None,
            "failures": 0,
            "retry_at": None,
            "checked_at": None,
        }
    )
    reset = _with_condition(reset, VERIFIED, holds=False, reason="Refused", message=why, now=now)
    return _with_condition(reset, ISSUED, holds=False, reason="Refused", message=why, now=now)


def awaiting(status: DomainStatus, records: Sequence[DnsRecord], now: datetime) -> DomainStatus:
    """Say which records prove control. What was true before stays so."""
    if status.records == list(records):
        return status
    said = status.model_copy(update={"records": list(records)})
    if said.verified_at is not None:
        return said
    how = " or ".join(f"{record.type} {record.name} {record.value}" for record in records)
    said = said.model_copy(update={"state": "Pending", "reason": f"set {how}"})
    return _with_condition(said, VERIFIED, holds=False, reason="Pending", message=said.reason, now=now)


def look_at(status: DomainStatus, created: datetime, pace: Pace) -> datetime:
    """When to look for the proof. Less and less often, the longer it is not there."""
    if status.checked_at is None:
        return created
    if status.retry_at is not None and status.verified_at is None:
        return status.retry_at
    if status.verified_at is not None and status.lost_at is None:
        return status.checked_at + pace.verified
    since = status.lost_at or created
    return status.checked_at + min(max((status.checked_at - since) / 10, pace.pending), pace.pending_at_most)


def looked(status: DomainStatus, look: Look, now: datetime, pace: Pace) -> DomainStatus:
    """What a look for the proof changes."""
    seen = status.model_copy(update={"checked_at": now})
    if look.seen is Seen.UNREACHABLE:
        return _unreachable(seen, look, now, pace)
    if look.seen.proves:
        first = seen.verified_at is None
        update = {"verified_at": now, "state": "Verified", "reason": "", "failures": 0, "retry_at": None}
        seen = seen.model_copy(update={"lost_at": None} | (update if first else {}))
        return _with_condition(seen, VERIFIED, holds=True, reason=look.seen.value, message=look.detail, now=now)
    if seen.verified_at is None:
        seen = seen.model_copy(update={"state": "Pending", "reason": look.detail, "failures": 0, "retry_at": None})
        return _with_condition(seen, VERIFIED, holds=False, reason="Pending", message=look.detail, now=now)
    return _lost(seen, look, now, pace)


def issue_at(status: DomainStatus) -> datetime | None:
    """When to get a certificate; None if the host is not proved. In the past means: now."""
    if status.verified_at is None:
        return None
    at = status.certificate.renew_at if status.certificate is not None else status.verified_at
    return max(at, status.retry_at) if status.retry_at is not None else at


def issued(status: DomainStatus, secret: str, found: Facts, now: datetime) -> DomainStatus:
    """The gateway has a certificate."""
    certificate = Certificate(
        secret=secret,
        issuer=found.issuer,
        not_before=found.not_before,
        not_after=found.not_after,
        renew_at=found.renew_at,
    )
    update = {"state": "Issued", "reason": "", "certificate": certificate, "failures": 0, "retry_at": None}
    message = f"until {found.not_after:%Y-%m-%d %H:%M} UTC"
    done = status.model_copy(update=update)
    return _with_condition(done, ISSUED, holds=True, reason="Issued", message=message, now=now)


def not_issued(status: DomainStatus, error: IssueError, host: str, now: datetime, pace: Pace) -> DomainStatus:
    """There is no new certificate. The old one goes on to serve while it is valid."""
    failures = status.failures + 1
    wait = max(backoff(failures, pace.retry, pace.retry_at_most, host), error.wait)
    serves = status.certificate is not None and status.certificate.not_after > now
    state = "Issued" if serves else "Failed" if error.cause is Cause.REFUSED else "Verified"
    reason = f"no certificate yet, tried again at {now + wait:%H:%M:%S} UTC: {error.detail}"
    update = {
        "state": state,
        "reason": reason,
        "failures": failures,
        "retry_at": now + wait,
        "certificate": status.certificate if serves else None,
    }
    failed = status.model_copy(update=update)
    return _with_condition(failed, ISSUED, holds=serves, reason=error.cause.value, message=reason, now=now)


def without_certificate(status: DomainStatus) -> DomainStatus:
    """The gateway's Secret is not what it should be: get another at once."""
    return status.model_copy(update={"certificate": None, "state": "Verified"})


def backoff(failures: int, first: timedelta, most: timedelta, host: str) -> timedelta:
    """Doubles with each failure; by up to a quarter longer, another for each host and failure."""
    doublings: int = 2 ** min(failures - 1, _MAX_DOUBLINGS)
    plain = min(first * doublings, most)
    share = int.from_bytes(hashlib.sha256(f"{host} {failures}".encode()).digest()[:4]) / 2**34
    return plain + share * plain


def _unreachable(status: DomainStatus, look: Look, now: datetime, pace: Pace) -> DomainStatus:
    """DNS says nothing: a proof that was seen is not lost by that."""
    if status.verified_at is not None:
        return status
    failures = status.failures + 1
    wait = backoff(failures, pace.pending, pace.pending_at_most, look.detail)
    update = {"state": "Pending", "reason": look.detail, "failures": failures, "retry_at": now + wait}
    waiting = status.model_copy(update=update)
    return _with_condition(waiting, VERIFIED, holds=None, reason="DnsUnreachable", message=look.detail, now=now)


def _lost(status: DomainStatus, look: Look, now: datetime, pace: Pace) -> DomainStatus:
    since = status.lost_at or now
    end = since + pace.grace
    if now < end:
        reason = f"the proof is gone, and the host with it at {end:%Y-%m-%d %H:%M} UTC: {look.detail}"
        warned = status.model_copy(update={"lost_at": since, "reason": reason})
        return _with_condition(warned, VERIFIED, holds=True, reason="ProofLost", message=reason, now=now)
    reason = f"taken down, the proof was gone for {pace.grace}: {look.detail}"
    update = {"state": "Pending", "reason": reason, "verified_at": None, "lost_at": None, "certificate": None}
    down = status.model_copy(update=update | {"failures": 0, "retry_at": None})
    down = _with_condition(down, VERIFIED, holds=False, reason="ProofLost", message=reason, now=now)
    return _with_condition(down, ISSUED, holds=False, reason="ProofLost", message=reason, now=now)


def _with_condition(  # noqa: PLR0913 – what a condition has
    status: DomainStatus, kind: str, *, holds: bool | None, reason: str, message: str, now: datetime
) -> DomainStatus:
    """The condition replaced; its time is that of the last change of `holds`."""
    text = "Unknown" if holds is None else str(holds)
    before = next((row for row in status.conditions if row.type == kind), None)
    since = before.last_transition_time if before is not None and before.status == text else now
    made = Condition.model_validate(
        {"type": kind, "status": text, "reason": reason, "message": message[:1000], "last_transition_time": since}
    )
    rest = [row for row in status.conditions if row.type != kind]
    return status.model_copy(
        update={"conditions": sorted([*rest, made], key=lambda row: row.type), "reason": status.reason[:1000]}
    )


def _claim(domain: Domain) -> datetime | None:
    return domain.status.verified_at


def _before(other: Domain, domain: Domain) -> bool:
    mine, theirs = _claim(domain), _claim(other)
    if theirs is None:
        return False
    return mine is None or (theirs, other.metadata.uid) < (mine, domain.metadata.uid)


def _age(domain: Domain) -> tuple[str, str]:
    return str(domain.metadata.creation_timestamp), domain.metadata.uid
