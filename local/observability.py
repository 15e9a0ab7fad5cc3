"""Questions to an environment's Prometheus, Loki and trace store.  (docs/observability.md)

Each is reached by a port-forward with the administrator's kubeconfig: it ends in the pod's own loopback, where no
mesh certificate is asked for. Nothing is published outside the cluster for it.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.errors import ExitCode, UserError
from local.cluster import Cluster

if TYPE_CHECKING:
    import httpx
    from pydantic import JsonValue as Json

NAMESPACE = "groundwork-observability"
PORTS: Mapping[str, int] = {"prometheus": 9090, "loki": 3100, "traces": 16686, "alertmanager": 9093}
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value of one series. `time`: seconds since 1970."""

    labels: Mapping[str, str]
    value: float
    time: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series over time, its oldest point first: (seconds since 1970, value)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Exemplar:
    """One measured request of a histogram, with what finds its trace."""

    series: Mapping[str, str]
    labels: Mapping[str, str]
    value: float
    time: float


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing that Prometheus scrapes. `health`: up, down or unknown; `error`: of the last scrape."""

    job: str
    labels: Mapping[str, str]
    address: str
    health: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert as Prometheus has it. `state`: pending or firing."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of a log. `time`: seconds since 1970; `labels`: of its stream, with what is kept beside the line."""

    labels: Mapping[str, str]
    time: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span of a trace. `start`: seconds since 1970."""

    service: str
    operation: str
    span_id: str
    start: float
    seconds: float
    tags: Mapping[str, str]


class Prometheus:
    """Prometheus' HTTP API. Every method raises UserError where it does not answer or refuses the question."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """An instant vector, or a scalar as one sample without labels."""
        question = {"query": expression} | ({} if at is None else {"time": str(at)})
        data = _mapping(self._get("/api/v1/query", question))
        if data["resultType"] == "scalar":
            return [_sample({}, data["result"])]
        return [_sample(_labels(row["metric"]), row["value"]) for row in _rows(data["result"])]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """A range vector from `start` to `end` (seconds since 1970), a point every `step` seconds."""
        question = {"query": expression, "start": str(start), "end": str(end), "step": str(step)}
        data = _mapping(self._get("/api/v1/query_range", question))
        return [
            Series(labels=_labels(row["metric"]), points=[_point(pair) for pair in _list(row["values"])])
            for row in _rows(data["result"])
        ]

    def exemplars(self, expression: str, start: float, end: float) -> list[Exemplar]:
        """The exemplars of the series of an expression."""
        data = self._get("/api/v1/query_exemplars", {"query": expression, "start": str(start), "end": str(end)})
        return [
            Exemplar(
                series=_labels(row["seriesLabels"]),
                labels=_labels(one["labels"]),
                value=float(str(one["value"])),
                time=float(str(one["timestamp"])),
            )
            for row in _rows(data)
            for one in _rows(row["exemplars"])
        ]

    def targets(self) -> list[Target]:
        """All that is scraped now."""
        data = _mapping(self._get("/api/v1/targets", {"state": "active"}))
        return [
            Target(
                job=_labels(row["labels"])["job"],
                labels=_labels(row["labels"]),
                address=str(row["scrapeUrl"]),
                health=str(row["health"]),
                error=str(row["lastError"]),
            )
            for row in _rows(data["activeTargets"])
        ]

    def alerts(self) -> list[Alert]:
        """What is pending or firing now."""
        data = _mapping(self._get("/api/v1/alerts", {}))
        return [
            Alert(
                name=_labels(row["labels"])["alertname"],
                labels=_labels(row["labels"]),
                annotations=_labels(row["annotations"]),
                state=str(row["state"]),
            )
            for row in _rows(data["alerts"])
        ]

    def _get(self, path: str, question: Mapping[str, str]) -> Json:
        return _answer(self._client, "Prometheus", path, question)["data"]


class Logs:
    """Loki's HTTP API. Raises UserError as `Prometheus` does."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def query(self, expression: str, *, seconds: float = 3600, limit: int = 100) -> list[LogLine]:
        """The newest lines of the last `seconds` that a LogQL expression finds, newest first."""
        now = time.time()
        question = {"query": expression, "start": f"{now - seconds:.9f}", "end": f"{now + 1:.9f}", "limit": str(limit)}
        data = _mapping(_answer(self._client, "Loki", "/loki/api/v1/query_range", question)["data"])
        lines = [
            LogLine(labels=_labels(row["stream"]), time=int(str(pair[0])) / 1e9, text=str(pair[1]))
            for row in _rows(data["result"])
            for pair in map(_list, _list(row["values"]))
        ]
        return sorted(lines, key=lambda line: line.time, reverse=True)


class Traces:
    """The trace store's query API (Jaeger's). Raises UserError as `Prometheus` does."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, trace_id: str) -> list[Span]:
        """The spans of a trace by their beginning; none where it is not (yet) stored."""
        found = _answer(self._client, "the trace store", f"/api/traces/{trace_id}", {}, absent=404)
        return sorted((span for trace in _rows(found.get("data")) for span in _spans(trace)), key=lambda one: one.start)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All of an environment's observability, as long as the port-forwards are open."""

    prometheus: Prometheus
    logs: Logs
    traces: Traces


@contextlib.contextmanager
def connect(cluster: Cluster) -> Iterator[Sight]:
    """Open the ways to Prometheus, Loki and the trace store. Raises UserError where one is not there."""
    with (
        reach(cluster, "prometheus") as prometheus,
        reach(cluster, "loki") as loki,
        reach(cluster, "traces") as traces,
    ):
        yield Sight(prometheus=Prometheus(prometheus), logs=Logs(loki), traces=Traces(traces))


@contextlib.contextmanager
def prometheus(cluster: Cluster) -> Iterator[Prometheus]:
    """Open the way to Prometheus alone. Raises UserError where it is not there."""
    with reach(cluster, "prometheus") as client:
        yield Prometheus(client)


@contextlib.contextmanager
def reach(cluster: Cluster, server: str) -> Iterator[httpx.Client]:
    """A client of one server (a key of PORTS), on a free port of this machine. Raises UserError where it is not up."""
    import httpx

    with (
        _forward(cluster, server) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS, trust_env=False) as client,
    ):
        yield client


@contextlib.contextmanager
def _forward(cluster: Cluster, server: str) -> Iterator[int]:
    command = [
        str(cluster.kubectl),
        "--kubeconfig",
        str(cluster.kubeconfig),
        "-n",
        NAMESPACE,
        "port-forward",
        "--address=127.0.0.1",
        f"service/{server}",
        f":{PORTS[server]}",
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield _port(process, server, cluster.kubeconfig)
    finally:
        process.terminate()
        process.wait()


def _port(process: subprocess.Popen[str], server: str, kubeconfig: Path) -> int:
    """The port that kubectl says it forwards; it says so, or ends."""
    import selectors

    if process.stdout is None:
        raise ValueError("kubectl's output is not read")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_SECONDS) else ""
    found = line.partition("127.0.0.1:")[2].partition(" ")[0]
    if not found.isdigit():
        raise UserError(
            what=f"{server} is not reached: {line.strip() or 'kubectl port-forward said nothing'}",
            where=f"{NAMESPACE}, cluster of {kubeconfig}",
            fix="add observability to groundwork:layers, then: groundwork up",
            code=ExitCode.ERROR,
        )
    return int(found)


def _answer(
    client: httpx.Client, who: str, path: str, question: Mapping[str, str], absent: int | None = None
) -> dict[str, Json]:
    import httpx

    try:
        response = client.get(path, params=dict(question))
    except httpx.HTTPError as error:
        raise UserError(
            what=f"{who} does not answer: {error or type(error).__name__}",
            where=path,
            fix=f"kubectl -n {NAMESPACE} get pods",
            code=ExitCode.ERROR,
        ) from None
    if response.status_code == absent:
        return {}
    if not response.is_success:
        raise UserError(
            what=f"{who} refuses the question: {response.text[:500].strip()}",
            where=question.get("query", path),
            fix="correct the expression",
            code=ExitCode.ERROR,
        )
    return _mapping(response.json())


def _spans(trace: Mapping[str, Json]) -> list[Span]:
    processes = _mapping(trace["processes"])
    return [
        Span(
            service=str(_mapping(processes[str(row["processID"])])["serviceName"]),
            operation=str(row["operationName"]),
            span_id=str(row["spanID"]),
            start=int(str(row["startTime"])) / 1e6,
            seconds=int(str(row["duration"])) / 1e6,
            tags={str(tag["key"]): str(tag["value"]) for tag in _rows(row["tags"])},
        )
        for row in _rows(trace["spans"])
    ]


def _sample(labels: Mapping[str, str], pair: Json) -> Sample:
    when, value = _point(pair)
    return Sample(labels=labels, value=value, time=when)


def _point(pair: Json) -> tuple[float, float]:
    when, value = _list(pair)
    return float(str(when)), float(str(value))


def _labels(value: Json) -> dict[str, str]:
    return {key: str(item) for key, item in _mapping(value).items()}


def _rows(value: Json) -> list[dict[str, Json]]:
    return [_mapping(item) for item in _list(value)]


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"not a list: {value!r}")
    return value


def _mapping(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"not an object: {value!r}")
    return value
