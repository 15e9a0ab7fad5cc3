"""The audit trail: an entry for each decision of note, however many requests there are of it."""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from authorizer.asked import Kind
from authorizer.decision import Judged

# The same decision again is counted, and written once in so many seconds: a flood must not be one in the log as well.
REPEAT_SECONDS = 10.0
MOST_COUNTED = 10_000
_log = logging.getLogger("audit")


@dataclass(kw_only=True)
class _Repeated:
    written: float
    left_out: int = 0


@dataclass(kw_only=True)
class Audit:
    """Writes refusals and the first use of a key that this process sees.

    A key is named by its id. A token is named by a keyed hash: entries of the same one can be brought together while
    the process lives, and nothing can be learned from it.
    """

    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _repeated: dict[Hashable, _Repeated] = field(default_factory=dict)
    _used: set[tuple[str, str]] = field(default_factory=set)

    def note(self, judged: Judged) -> None:
        """Write an entry if the decision is of note."""
        if not judged.decision.allow:
            self._refused(judged)
        elif judged.key is not None:
            place = (judged.tenant_name, judged.key.metadata.name)
            if place not in self._used:
                self._used.add(place)
                self._write("key first used", judged, 0)

    def _refused(self, judged: Judged) -> None:
        asked, now = judged.asked, time.monotonic()
        # What a caller can make up freely, such as another secret each time, does not make an entry of its own.
        known_key = judged.key.metadata.name if judged.key else ""
        same = (judged.tenant_name, judged.decision.reason, known_key, asked.source)
        known = self._repeated.get(same)
        if known is not None and now - known.written < REPEAT_SECONDS:
            known.left_out += 1
            return
        if len(self._repeated) >= MOST_COUNTED:
            self._repeated.clear()
        self._repeated[same] = _Repeated(written=now)
        self._write("refused", judged, known.left_out if known else 0)

    def _write(self, what: str, judged: Judged, left_out: int) -> None:
        asked, decision = judged.asked, judged.decision
        entry: dict[str, str | int | bool] = {
            "request_id": asked.request_id,
            "tenant": judged.tenant_name,
            "host": asked.host[:255],
            "agent": asked.agent,
            "method": asked.method[:20],
            "path": asked.path[:500],
            "source": asked.source,
            "status": decision.status,
            "reason": decision.reason,
            "credential": self._credential(judged),
        }
        if asked.sni != asked.host:
            entry["name"] = asked.sni[:255]
        if left_out:
            entry["left_out"] = left_out
        _log.info(what, extra={"fields": entry})

    def _credential(self, judged: Judged) -> str:
        shown = judged.asked.credential
        if shown.kind is Kind.NONE:
            return "none"
        if judged.key is not None:
            return f"key:{judged.key.metadata.name}"
        if shown.key is not None:
            return f"unknown key:{shown.key.id}"
        keyed = hmac.digest(self._secret, shown.digest, "sha256").hex()[:16]
        return f"{shown.kind}:{keyed}"
