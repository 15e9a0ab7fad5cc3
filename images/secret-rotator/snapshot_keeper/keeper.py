"""One snapshot after the other: taken, seen to be whole, put away, forgotten."""

from __future__ import annotations

import logging
import ssl
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge

SECONDS = 60.0
# What OpenBao puts into each; the last one proves the others, and is sealed with its own key.
PARTS = frozenset({"meta.json", "state.bin", "SHA256SUMS", "SHA256SUMS.sealed"})
log = logging.getLogger("snapshot_keeper")


@dataclass(frozen=True, kw_only=True)
class Source:
    """OpenBao, asked with the token of this pod's service account, whose policy is to take snapshots and no more."""

    address: str
    authority: Path
    token: Path
    role: str

    def take(self, file: Path) -> None:
        """Of the active node, which alone has all. Raises httpx.HTTPError, OSError, and ValueError for half of one."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with httpx.Client(verify=context, timeout=SECONDS, trust_env=False) as client:
            told = client.get(f"{self.address}/v1/sys/leader").raise_for_status().json()
            leader = f"{told['leader_address'] or self.address}/v1"
            headers = {"X-Vault-Token": self._login(client, leader)}
            try:
                with client.stream("GET", f"{leader}/sys/storage/raft/snapshot", headers=headers) as answer:
                    answer.raise_for_status()
                    with file.open("wb") as target:
                        for part in answer.iter_bytes():
                            target.write(part)
            finally:
                client.post(f"{leader}/auth/token/revoke-self", headers=headers, json={})
        refuse_half(file)

    def _login(self, client: httpx.Client, leader: str) -> str:
        body = {"role": self.role, "jwt": self.token.read_text("utf-8")}
        answer = client.post(f"{leader}/auth/kubernetes/login", json=body).raise_for_status()
        return str(answer.json()["auth"]["client_token"])


def refuse_half(file: Path) -> None:
    """OpenBao begins to answer before it knows whether it can end: what broke off is no snapshot. Raises ValueError."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            found = {member.name for member in archive}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"it cannot be read to its end: {type(error).__name__}") from None
    if missing := sorted(PARTS - found):
        raise ValueError(f"it has no {', '.join(missing)}")


class Keeper:
    """`put`: a file, by the name of its object; `clock`: seconds since 1970; `every`: seconds between two."""

    def __init__(  # noqa: PLR0913 – where from, where to, how often, and who is told
        self,
        take: Callable[[Path], None],
        put: Callable[[str, Path], None],
        *,
        clock: Callable[[], float],
        every: float,
        prefix: str,
        registry: CollectorRegistry,
    ) -> None:
        self._take, self._put, self._clock, self._prefix = take, put, clock, prefix
        self._last = Gauge(
            "groundwork_openbao_snapshot_timestamp_seconds", "When the newest was taken, 0 before", registry=registry
        )
        self._size = Gauge("groundwork_openbao_snapshot_bytes", "How large the newest is", registry=registry)
        Gauge("groundwork_openbao_snapshot_interval_seconds", "Between two", registry=registry).set(every)
        self._done = Counter("groundwork_openbao_snapshots", "Tries", ("result",), registry=registry)

    def round(self) -> bool:
        """Take one and put it away; whether that was done."""
        now = self._clock()
        name = f"{self._prefix}/{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H%M%SZ}.snap"
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "snapshot"
                self._take(file)
                size = file.stat().st_size
                self._put(name, file)
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            # Of a request that was refused no more than its kind: what is in it may be a token.
            told = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
            log.warning("no snapshot: %s", told)
            self._done.labels("failed").inc()
            return False
        self._last.set(now)
        self._size.set(size)
        self._done.labels("done").inc()
        log.info("%s: %d bytes", name, size)
        return True
