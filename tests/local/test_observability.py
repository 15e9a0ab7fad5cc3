"""What Prometheus, Loki and the trace store answer, as this project reads it."""

from __future__ import annotations

import httpx
import pytest

from groundwork.errors import UserError
from local.observability import Logs, Prometheus, Sample, Traces


def client(answers: dict[str, object], status: int = 200) -> httpx.Client:
    """Answers each path with its JSON."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=answers.get(request.url.path, {"error": "unknown"}))

    return httpx.Client(base_url="http://sight", transport=httpx.MockTransport(answer))


def prometheus(path: str, data: object) -> Prometheus:
    return Prometheus(client({path: {"status": "success", "data": data}}))


def test_a_vector_is_a_sample_a_series() -> None:
    data = {"resultType": "vector", "result": [{"metric": {"tenant": "acme"}, "value": [12.5, "3"]}]}
    assert prometheus("/api/v1/query", data).query("up") == [Sample(labels={"tenant": "acme"}, value=3.0, time=12.5)]


def test_a_scalar_is_one_sample_without_labels() -> None:
    data = {"resultType": "scalar", "result": [12.5, "NaN"]}
    (found,) = prometheus("/api/v1/query", data).query("scalar(x)")
    assert found.labels == {}
    assert found.value != found.value


def test_a_range_is_points_by_series() -> None:
    data = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1, "2"], [3, "+Inf"]]}]}
    (series,) = prometheus("/api/v1/query_range", data).query_range("up", 0, 4, 2)
    assert series.points == [(1.0, 2.0), (3.0, float("inf"))]


def test_a_target_that_is_down_says_why() -> None:
    row = {"labels": {"job": "loki"}, "scrapeUrl": "http://a/metrics", "health": "down", "lastError": "refused"}
    (target,) = prometheus("/api/v1/targets", {"activeTargets": [row]}).targets()
    assert (target.job, target.health, target.error) == ("loki", "down", "refused")


def test_an_exemplar_leads_to_its_trace() -> None:
    one = {"labels": {"trace_id": "ab"}, "value": "0.2", "timestamp": 7.5}
    data = [{"seriesLabels": {"tenant": "acme"}, "exemplars": [one]}]
    (found,) = prometheus("/api/v1/query_exemplars", data).exemplars("x_bucket", 0, 10)
    assert (found.labels["trace_id"], found.value, found.time) == ("ab", 0.2, 7.5)


def test_lines_are_newest_first_over_all_streams() -> None:
    streams = [
        {"stream": {"pod": "a"}, "values": [["1000000000", "old"]]},
        {"stream": {"pod": "b"}, "values": [["3000000000", "new"]]},
    ]
    logs = Logs(client({"/loki/api/v1/query_range": {"data": {"result": streams}}}))
    assert [(line.text, line.time) for line in logs.query("{}")] == [("new", 3.0), ("old", 1.0)]


def test_spans_name_their_service_and_are_in_order() -> None:
    def span(number: int, process: str) -> dict[str, object]:
        tags = [{"key": "status", "value": 200}]
        common = {"operationName": "ask", "spanID": str(number), "startTime": number * 1_000_000, "duration": 500_000}
        return {**common, "processID": process, "tags": tags}

    processes = {"p1": {"serviceName": "gateway"}, "p2": {"serviceName": "concierge"}}
    trace = {"spans": [span(2, "p2"), span(1, "p1")], "processes": processes}
    found = Traces(client({"/api/traces/ab": {"data": [trace]}})).get("ab")
    assert [(one.service, one.start, one.seconds) for one in found] == [("gateway", 1.0, 0.5), ("concierge", 2.0, 0.5)]
    assert found[0].tags == {"status": "200"}


def test_a_trace_that_is_not_stored_is_no_spans() -> None:
    assert Traces(client({}, 404)).get("ab") == []


def test_a_refused_question_is_an_error_with_the_question() -> None:
    with pytest.raises(UserError, match="refuses the question") as caught:
        Prometheus(client({}, 400)).query("up{")
    assert caught.value.where == "up{"


def test_a_server_that_does_not_answer_is_an_error() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    dead = httpx.Client(base_url="http://sight", transport=httpx.MockTransport(refuse))
    with pytest.raises(UserError, match="Prometheus does not answer"):
        Prometheus(dead).query("up")
