"""The process in the place of Gatekeeper's pods: what it is given, and what is said where it does not answer."""

from __future__ import annotations

import base64
import stat
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.admission.gatekeeper import ANSWERED, PODS
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.rehearsal.gatekeeper import Ports, Standin, arguments, following, variables
from local.rehearsal.passage import Passage
from local.rehearsal.ports import free_ports

# A manager that notes how it was started, and is ready once its certificate is there.
MANAGER = """#!{python}
import http.server, json, os, pathlib, sys
given = dict(each.removeprefix("--").partition("=")[::2] for each in sys.argv[1:])
pathlib.Path("seen.json").write_text(json.dumps({{"args": sys.argv[1:], "environment": dict(os.environ)}}))
if "fail" in given:
    sys.exit("it does not like " + given["fail"])
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if (pathlib.Path(given["cert-dir"]) / "tls.crt").exists() else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(given["health-addr"].rpartition(":")[2])), Health).serve_forever()
"""
KUBECONFIG = """{current-context: one, clusters: [{name: one, cluster: {server: "https://127.0.0.1:1"}}],
contexts: [{name: one, context: {cluster: one, user: boss}}], users: [{name: boss, user: {client-key-data: s3cret}}]}"""


def pod(name: str, *more: str, node: str = "general-0", **labels: str) -> Mapping[str, object]:
    env = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "OTHERS", "value": "pod=$(POD_NAME)"},
    ]
    container = {"name": "manager", "args": ["--port=8443", "--operation=webhook", *more], "env": env}
    metadata = {"name": name, "namespace": "gatekeeper-system", "labels": PODS | labels}
    return {"metadata": metadata, "spec": {"nodeName": node, "containers": [container]}}


class Told(Cluster):
    """A cluster with these pods, that keeps what it is told to do."""

    def __init__(self, folder: Path, *pods: Mapping[str, object]) -> None:
        super().__init__(kubectl=Path("kubectl"), kubeconfig=folder / "admin")
        self.kubeconfig.write_text(KUBECONFIG)
        object.__setattr__(self, "pods", list(pods))
        object.__setattr__(self, "done", [])

    def items(self, kinds: str, namespace: str | None = None) -> list[Mapping[str, object]]:
        assert (kinds, namespace) == ("pods", "gatekeeper-system")
        found: list[Mapping[str, object]] = vars(self)["pods"]
        return found

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:
        del name, namespace
        if kind == "service":
            return {"spec": {"clusterIP": "10.96.7.7", "ports": [{"port": 443}]}}
        return {"data": {"tls.crt": base64.b64encode(b"certificate").decode()}}

    def do(self, *arguments: str) -> str:
        vars(self)["done"].append(arguments)
        return "a-token\n" if arguments[:2] == ("create", "token") else ""

    @property
    def annotated(self) -> list[str]:
        """The pods that were called answered."""
        return [row[2] for row in vars(self)["done"] if row[0] == "annotate" and f"{ANSWERED}=by a process" in row]


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Passage]:
    with Passage(tmp_path / "s") as made:
        yield made


def standin(folder: Path, way: Passage, cluster: Cluster) -> Standin:
    program = folder / "manager"
    program.write_text(MANAGER.format(python=sys.executable))
    program.chmod(0o700)
    with free_ports(3, folder / "ports") as base:
        ports = Ports(webhook=base, health=base + 1, metrics=base + 2)
    return Standin(cluster=cluster, program=program, folder=folder / "own", passage=way, ports=ports)


def test_pods_are_ready_once_the_process_is_and_calls_go_to_it(tmp_path: Path, way: Passage) -> None:
    cluster = Told(
        tmp_path, pod("one"), pod("two"), pod("waiting", node=""), {**pod("other"), "metadata": {"name": "other"}}
    )
    with following(standin(tmp_path, way, cluster)) as made:
        assert wait_until(lambda: len(cluster.annotated) == 2, 20)
        assert list(made.wrong()) == []
        assert way.ways == {"10.96.7.7:443": made.ports.webhook}
        kubeconfig = (made.folder / "kubeconfig").read_text()
        assert "a-token" in kubeconfig
        assert "s3cret" not in kubeconfig
        health = f"http://127.0.0.1:{made.ports.health}/readyz"
        with made.silent(), pytest.raises(OSError, match="timed out"):
            urllib.request.urlopen(health, timeout=0.3)
        with urllib.request.urlopen(health, timeout=10) as answer:
            assert answer.status == 200
        assert stat.S_IMODE((made.folder / "kubeconfig").stat().st_mode) == 0o600
    assert cluster.annotated == ["one", "two"]
    assert made.process is not None
    assert made.process.poll() is not None


def test_a_process_that_ended_is_named_with_its_last_words(tmp_path: Path, way: Passage) -> None:
    cluster = Told(tmp_path, pod("one", "--fail=this"))
    with following(standin(tmp_path, way, cluster)) as made:
        assert wait_until(lambda: made.process is not None and made.process.poll() is not None, 20)
        assert list(made.wrong()) == ["Gatekeeper ended with 1: it does not like this"]
    assert cluster.annotated == []


def test_a_gatekeeper_without_pods_is_named(tmp_path: Path, way: Passage) -> None:
    with following(standin(tmp_path, way, Told(tmp_path))) as made:
        assert list(made.wrong()) == ["Gatekeeper was not started: there is no pod of it"]


def test_it_runs_as_the_pod_would_but_for_its_addresses() -> None:
    assert arguments(pod("one")) == ["--port=8443", "--operation=webhook"]
    assert variables(pod("one")) == {"POD_NAME": "one", "OTHERS": "pod=one"}


def test_what_only_a_kubelet_knows_is_refused() -> None:
    given = pod("one")
    env = [{"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]
    with pytest.raises(UserError, match=r"HOST: a rehearsal knows nothing of status\.hostIP"):
        variables({**given, "spec": {"containers": [{"env": env}]}})
