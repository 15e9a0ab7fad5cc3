"""Metrics, logs, traces and alerts of the running platform, and that it serves as well while they are away."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import JsonValue

from components.mesh.names import GATEWAY_NAMESPACE
from components.observability.names import NAMESPACE
from components.observability.scraping import Scraping
from components.secrets.names import SNAPSHOTS
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.observability import Sight, Target, connect, prometheus
from local.paths import CHECKOUT
from stacks.settings import from_file
from tests import load
from tests.cluster.authority import authority
from tests.cluster.gateway import Guest, Object, agent_image, guests
from tests.cluster.node import kubectl
from tests.cluster.trouble import Over, full, killed

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

ASK = "/agents/concierge/v1/invoke"
QUESTION = json.dumps({"input": "Hello"}).encode()
# More than one scrape of every target, some of which a busy machine answers too late.
SCRAPED = 180.0
# Till what was written or traced can be asked for, by way of a server that may have just begun.
SEEN = 240.0
BURST_SECONDS = 120.0


@pytest.fixture(scope="module")
def sight(cluster: Cluster) -> Iterator[Sight]:
    with connect(cluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ca") / "ca.crt")


@pytest.fixture(scope="module")
def guest(ca: Path) -> Iterator[Guest]:
    with guests({"seen": 1000}, ca) as made:
        yield made["seen"]


@pytest.fixture(scope="module")
def targets(sight: Sight) -> Sequence[Target]:
    """What is scraped, as it was when all of it had been asked: an autoscaler may make more at any time."""
    seen: list[Target] = []

    def all_asked() -> bool:
        seen[:] = sight.prometheus.targets()
        return {one.job for one in seen} >= set(JOBS) and all(one.health == "up" for one in seen)

    wait_until(all_asked, SCRAPED)
    return seen


# What keeps snapshots in a bucket is there on EKS alone.
JOBS = [name for name in Scraping(own_node=True).names() if name != SNAPSHOTS]


@pytest.mark.parametrize("job", JOBS)
def test_every_target_is_scraped(job: str, targets: Sequence[Target]) -> None:
    mine = [one for one in targets if one.job == job]
    assert mine, "nothing of this job was found"
    assert {one.address: one.error for one in mine if one.health != "up"} == {}


def test_no_target_is_scraped_that_no_job_names(targets: Sequence[Target]) -> None:
    assert {one.job for one in targets} == set(JOBS)


def test_every_pod_in_the_mesh_has_its_sidecar_scraped(sight: Sight) -> None:
    path = '{range .items[?(@.status.phase=="Running")]}{.metadata.name} {.spec.initContainers[*].name}{"\\n"}{end}'

    def missing() -> set[str]:
        """One that an autoscaler has just made is not known at once."""
        rows = [line.split() for line in kubectl("get", "pods", "-A", "-o", f"jsonpath={path}").stdout.splitlines()]
        inside = {name for name, *containers in rows if "istio-proxy" in containers and not name.startswith("echo")}
        return inside - {one.labels["pod"] for one in sight.prometheus.targets() if one.job == "sidecars"}

    assert wait_until(lambda: not missing(), SCRAPED), missing()


def test_one_request_is_followed_from_the_gateway_to_its_logs_and_its_exemplar(sight: Sight, guest: Guest) -> None:
    began = time.time()
    expression = 'agent_request_duration_seconds_bucket{tenant="acme"}'
    # One in ten is traced: none of sixty is one run in five hundred, so more are sent until one is.
    traced: list[str] = []

    def services(trace: str) -> set[str]:
        return {span.service.partition(".")[0] for span in sight.traces.get(trace)}

    def one_is_traced() -> bool:
        answered = all(guest.caller.ask(ASK, QUESTION).status_code == 200 for _ in range(20))
        found = sight.prometheus.exemplars(expression, began, time.time())
        traced[:] = [one.labels["trace_id"] for one in found if one.time >= began]
        return answered and bool(traced)

    assert wait_until(one_is_traced, SCRAPED), "no answer, or no exemplar"
    trace = traced[0]

    assert wait_until(lambda: {"gateway", "concierge"} <= services(trace), SEEN), services(trace)
    for namespace, word in (("acme", '"route":"/v1/invoke"'), (GATEWAY_NAMESPACE, '"status":200')):
        question = f'{{k8s_namespace_name="{namespace}"}} | trace_id="{trace}"'
        assert wait_until(partial(said, sight, question, word), SEEN), question


def said(sight: Sight, question: str, word: str) -> bool:
    return any(word in line.text for line in sight.logs.query(question))


def answered(guest: Guest, seconds: float = 8) -> load.Report:
    """Requests at 25 a second that the agent answers itself."""
    plan = guest.plan(rate=25, seconds=seconds, warm=0, start=time.time() + 0.5)
    return asyncio.run(load.send(plan))


@pytest.mark.parametrize(
    ("server", "trouble"),
    [
        ("collector", killed),
        pytest.param("collector", full, marks=pytest.mark.long),
        pytest.param("loki", killed, marks=pytest.mark.long),
        pytest.param("loki", full, marks=pytest.mark.long),
        pytest.param("prometheus", killed, marks=pytest.mark.long),
        ("prometheus", full),
    ],
)
def test_requests_are_served_while_a_server_is_in_trouble_and_its_data_go_on(
    server: str, trouble: Callable[[str], AbstractContextManager[Over]], cluster: Cluster, guest: Guest
) -> None:
    """How fast is a benchmark's: tests/cluster/trouble_bench.py."""
    with trouble(server) as over:
        during = answered(guest)
        assert during.total == during.sent, (during.statuses, during.errors)
        answer = guest.caller.ask(ASK, QUESTION)
        assert answer.status_code == 200
        over()
        if server == "prometheus":
            ended = time.time()
            assert wait_until(lambda: resumed(cluster, ended), SEEN)
            return
        question = f'{{k8s_namespace_name="acme"}} |= "{answer.headers["x-request-id"]}"'
        with connect(cluster) as sight:
            assert wait_until(lambda: kept(sight, question), SEEN), "what was written meanwhile is lost"


def kept(sight: Sight, question: str) -> bool:
    """Whether Loki has a line; one that has just come back may not answer yet."""
    try:
        return bool(sight.logs.query(question))
    except UserError:
        return False


def resumed(cluster: Cluster, since: float) -> bool:
    """Whether agents were asked since, and what they said was kept."""
    try:
        with prometheus(cluster) as opened:
            return any(sample.value > since for sample in opened.query('timestamp(up{job="agents"} == 1)'))
    except UserError:  # it comes back just now
        return False


@dataclass(frozen=True, kw_only=True)
class Told:
    """An alert that the webhook heard of. `at`: when (`time.monotonic`)."""

    at: float
    labels: dict[str, str]


@contextmanager
def webhook() -> Iterator[list[Told]]:
    """Every alert that Alertmanager tells this environment's webhook of while it listens."""
    settings = from_file(CHECKOUT / "Pulumi.local.yaml").observability
    assert settings.webhook is not None
    host, port = settings.webhook.removeprefix("http://").partition("/")[0].split(":")
    told: list[Told] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts = json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
            now = time.monotonic()
            told.extend(Told(at=now, labels=alert["labels"]) for alert in alerts if alert["status"] == "firing")
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
            pass

    server = ThreadingHTTPServer((host, int(port)), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


# An agent like any other, whose model nobody serves: each request ends in an error of the agent's own.
BROKEN = """\
apiVersion: groundwork/v1
kind: Agent
metadata: {name: broken}
spec:
  image: agent-runtime
  tier: standard
  model:
    provider: openai
    name: none
    baseUrl: http://127.0.0.1:9/v1
    timeout: 1s
    price: {inputPerMillionTokens: 1, outputPerMillionTokens: 1, currency: USD}
  egress: ["127.0.0.1:9"]
  limits: {requestsPerMinute: 100000}
"""


def broken_objects(namespace: str) -> list[Object]:
    """The agent's pod, its address, and who may reach it."""
    labels: Object = {"app": "echo", "groundwork/tenant": namespace, "groundwork/agent": "broken"}
    container: Object = {
        "name": "agent",
        "image": agent_image(),
        "env": [
            {"name": "AGENT_MANIFEST", "value": "/etc/agent/manifest.yaml"},
            {"name": "AGENT_TENANT", "value": namespace},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "manifest", "mountPath": "/etc/agent"}],
    }
    pod: Object = {
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "manifest", "configMap": {"name": "broken"}}],
    }
    sources: list[JsonValue] = [{"source": {"namespaces": [each]}} for each in (GATEWAY_NAMESPACE, NAMESPACE)]
    parts: list[tuple[str, str, str, JsonValue]] = [
        ("v1", "ConfigMap", "data", {"manifest.yaml": BROKEN}),
        ("security.istio.io/v1", "AuthorizationPolicy", "spec", {"action": "ALLOW", "rules": [{"from": sources}]}),
        ("v1", "Service", "spec", {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}),
        ("v1", "Pod", "spec", pod),
    ]
    meta: Object = {"name": "broken", "namespace": namespace, "labels": labels}
    return [{"apiVersion": version, "kind": kind, "metadata": meta, key: value} for version, kind, key, value in parts]


def test_a_tenant_whose_requests_fail_is_told_of_in_two_minutes_and_nobody_else(
    guest: Guest, ca: Path, cluster: Cluster
) -> None:
    # The test before has taken Prometheus away.
    assert wait_until(lambda: resumed(cluster, 0.0), SEEN)
    with guests({"burst": 1000}, ca, "broken.{namespace}.svc.cluster.local", broken_objects) as made, webhook() as told:
        failing, began = made["burst"], time.monotonic()

        def paged(each: Told) -> bool:
            return (each.labels.get("tenant"), each.labels["severity"]) == (failing.name, "page")

        def heard() -> bool:
            for _ in range(5):
                assert failing.caller.ask(ASK, QUESTION).status_code >= 500
                assert guest.caller.ask(ASK, QUESTION).status_code == 200
            return any(paged(each) for each in told)

        # A ticket may come first: where requests are slow, so few have failed at first that nobody is woken by it.
        assert wait_until(heard, 2 * BURST_SECONDS), "the webhook heard of no page"
    assert min(each.at for each in told if paged(each)) - began <= BURST_SECONDS
    assert [each.labels for each in told if each.labels.get("tenant") not in {failing.name, None}] == []
