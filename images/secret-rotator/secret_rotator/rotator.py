"""One round after the other over all secrets that have a schedule."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge

from secret_rotator.schedule import Schedule, Step, rotated, without_previous
from secret_rotator.store import Found, Store

BYTES = 32
_LABELS = ("tenant", "secret")
log = logging.getLogger("secret_rotator")


class Rotator:
    """`clock`: seconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], float], registry: CollectorRegistry) -> None:
        self._store, self._clock = store, clock
        self._ends = Gauge(
            "groundwork_secret_expiry_timestamp_seconds", "When a value is due", _LABELS, registry=registry
        )
        self._every = Gauge(
            "groundwork_secret_rotation_interval_seconds", "Between two rotations", _LABELS, registry=registry
        )
        self._done = Counter("groundwork_secret_rotations", "Values that were replaced", _LABELS, registry=registry)
        self._failed = Counter(
            "groundwork_secret_rotation_failures", "Values that could not be", _LABELS, registry=registry
        )
        self._rounds = Counter(
            "groundwork_secret_rotator_rounds", "Times that it looked at all", ("result",), registry=registry
        )
        self._known: set[tuple[str, str]] = set()

    def round(self) -> bool:
        """Look at every secret once; whether OpenBao could be asked."""
        try:
            self._store.login()
            found = list(self._store.secrets())
        except (httpx.HTTPError, OSError) as error:
            log.warning("no round: %s", type(error).__name__)
            self._rounds.labels("failed").inc()
            return False
        seen = {(each.tenant, each.name) for each in found if self._one(each)}
        for gone in self._known - seen:
            for metric in (self._ends, self._every):
                metric.remove(*gone)
        self._known = seen
        self._rounds.labels("done").inc()
        try:
            self._store.logout()
        except httpx.HTTPError as error:
            log.warning("the token was not ended: %s", type(error).__name__)
        return True

    def _one(self, found: Found) -> bool:
        """Do what is due with one; whether it has a schedule."""
        names = (found.tenant, found.name)
        failed = self._failed.labels(*names)
        try:
            schedule = Schedule.of(found.notes, found.written)
            if schedule is None:
                self._failed.remove(*names)
                return False
            schedule = self._advance(found, schedule)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("%s/%s is not rotated: %s", *names, type(error).__name__)
            failed.inc()
            return names in self._known
        self._ends.labels(*names).set(schedule.ends)
        self._every.labels(*names).set(schedule.every)
        return True

    def _advance(self, found: Found, schedule: Schedule) -> Schedule:
        fields, now = self._store.read(found), self._clock()
        step = schedule.due(fields, now)
        if step is Step.ROTATE:
            self._store.write(found, rotated(fields, secrets.token_urlsafe(BYTES)))
            # Killed here, the next round counts from the version that was just written.
            self._store.note(found, now)
            self._done.labels(found.tenant, found.name).inc()
            log.info("%s/%s is rotated", found.tenant, found.name)
            return Schedule(every=schedule.every, grace=schedule.grace, rotated=now)
        if step is Step.END_GRACE:
            self._store.write(found, without_previous(fields))
            # A version is no new value: what it is counted from stays.
            self._store.note(found, schedule.rotated)
            log.info("%s/%s: the value before has ended", found.tenant, found.name)
        return schedule
