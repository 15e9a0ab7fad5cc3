"""What the servers say of the same requests: Prometheus beside the client's own view, and whether the two agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome
from loadtests.running import Run
from loadtests.samples import percentile

# A counter is read at scrapes, and `increase` reaches out to the ends of its stretch.
COUNT_SHARE = 0.10
# A server's percentile is known to its bucket only; above the client's by more than this it speaks of something else.
TIME_SHARE = 0.10
SCRAPE_SECONDS = 30.0


class Source(Protocol):
    """Something that answers PromQL."""

    def ask(self, query: str, at: float) -> float | None:
        """One number at a Unix time; None where there is no series. Raises UserError where nobody answers."""


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """Its HTTP API at an address."""

    address: str

    def ask(self, query: str, at: float) -> float | None:
        """See `Source`."""
        import httpx

        try:
            answer = httpx.get(
                f"{self.address.rstrip('/')}/api/v1/query", params={"query": query, "time": at}, timeout=10
            )
            answer.raise_for_status()
            rows = answer.json()["data"]["result"]
            value = float(rows[0]["value"][1]) if rows else None
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError(what=f"Prometheus does not answer: {error}", where=self.address) from None
        return value if value is not None and isfinite(value) else None


def compare(address: str, run: Run) -> list[Check]:
    """A check an agent: the same number of requests, and times that do not contradict each other.

    Asked for and not answered is inconclusive, never a pass.
    """
    return compared(Prometheus(address=address), run)


def compared(source: Source, run: Run) -> list[Check]:
    """The same, of any source."""
    agents = list(dict.fromkeys((each.tenant, each.agent) for each in run.samples.series))
    return [_agent(source, run, {"tenant": tenant, "agent": agent}) for tenant, agent in agents]


def _agent(source: Source, run: Run, tags: Mapping[str, str]) -> Check:
    name = f"server's view of {tags['tenant']}/{tags['agent']}"
    numbers = run.samples.select(tags)
    length = f"{run.seconds + 2 * SCRAPE_SECONDS:.0f}s"
    at = run.began.timestamp() + run.seconds + SCRAPE_SECONDS
    labels = ",".join(f'{key}="{value}"' for key, value in tags.items()) + ',route=~"/v1/.+"'
    try:
        count = source.ask(f"sum(increase(agent_requests_total{{{labels}}}[{length}]))", at)
        buckets = f"sum by (le) (increase(agent_request_duration_seconds_bucket{{{labels}}}[{length}]))"
        slow = source.ask(f"histogram_quantile(0.95, {buckets})", at)
    except UserError as error:
        return Check(name=name, outcome=Outcome.INCONCLUSIVE, why=str(error))
    if count is None or slow is None or not numbers:
        return Check(name=name, outcome=Outcome.INCONCLUSIVE, why="Prometheus has no such series, or nothing was sent")
    return _verdict(name, count, slow, run, numbers)


def _verdict(name: str, count: float, slow: float, run: Run, numbers: list[int]) -> Check:
    """Requests that never reached the agent (refused on the way) are the client's errors: between good ones and all."""
    times = run.samples.times(numbers)
    if not times:
        return Check(name=name, outcome=Outcome.INCONCLUSIVE, why="no request was answered well")
    mine = percentile(times, 0.95)
    low, high = len(times) * (1 - COUNT_SHARE), len(numbers) * (1 + COUNT_SHARE)
    agree = low <= count <= high and slow <= mine * (1 + TIME_SHARE)
    return Check(
        name=name,
        outcome=Outcome.PASS if agree else Outcome.FAIL,
        measured=f"{count:.0f} requests, p95 {slow * 1000:.0f} ms",
        limit=f"{low:.0f} to {high:.0f} requests, p95 no more than the client's {mine * 1000:.0f} ms",
        why="" if agree else "client and server do not speak of the same requests",
    )
