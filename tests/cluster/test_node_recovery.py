"""Killed services come back, their data outlives them, and `up` changes nothing where nothing is wrong."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest

from groundwork.waiting import wait_until
from local import images
from local.node import status
from local.node.host import processes
from local.node.settings import SERVICES
from tests.cluster.node import SETTINGS, all_running, bring_up, kubectl, tools
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.cluster

MADE_FROM = ["pause"]
# Seconds till a service runs again and the node is Ready: of the API server's, most are its own start.
AGAIN = 240.0


@pytest.fixture(autouse=True, scope="module")
def node() -> None:
    bring_up()


@pytest.fixture(scope="module")
def pods() -> Iterator[str]:
    """A namespace with a deployment of two pods under `restricted`; its name."""
    image = images.build(MADE_FROM, tools(), Quiet())["pause"]
    name = f"node-test-{uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("apply", "-n", name, "-f", "-", stdin=json.dumps(deployment(image)))
    kubectl("rollout", "status", "-n", name, "deployment/kept", "--timeout=120s")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def deployment(image: str) -> dict[str, object]:
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": security,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
    }
    labels = {"app": "kept"}
    pod = {"runAsNonRoot": True, "runAsUser": 65535, "seccompProfile": {"type": "RuntimeDefault"}}
    template = {"metadata": {"labels": labels}, "spec": {"securityContext": pod, "containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "kept"}, "spec": spec}


def restarts(namespace: str) -> dict[str, int]:
    """Pod → how often its container was restarted."""
    items = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]
    return {item["metadata"]["name"]: item["status"]["containerStatuses"][0]["restartCount"] for item in items}


@pytest.mark.parametrize("service", SERVICES[SETTINGS.kind])
def test_a_killed_service_comes_back_and_pods_stay(service: str, pods: str) -> None:
    # Who lost the API server with the one that was killed before may end a moment later too.
    assert wait_until(all_running, AGAIN)
    before, first = restarts(pods), status(SETTINGS).services[service]
    processes.send(first, signal.SIGKILL)
    assert wait_until(lambda: status(SETTINGS).services.get(service) not in {None, first}, AGAIN)
    assert wait_until(all_running, AGAIN)
    kubectl("rollout", "status", "-n", pods, "deployment/kept", "--timeout=180s")
    assert restarts(pods) == before


def test_a_second_run_changes_nothing() -> None:
    assert wait_until(all_running, AGAIN)
    assert bring_up() == []


def test_a_restart_of_all_services_keeps_data_and_pods(pods: str) -> None:
    kubectl("create", "configmap", "-n", pods, "kept", "--from-literal=a=b")
    before = restarts(pods)
    services = [p for p in processes.of_node(SETTINGS.runtime) if not p.program.startswith("containerd-shim")]
    for process in services:  # the supervisor with them: as after the end of a session
        processes.send(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(processes.is_alive(process.pid) for process in services), 60)
    assert "Run the control plane" in bring_up()
    assert kubectl("get", "configmap", "-n", pods, "kept", "-o", "jsonpath={.data.a}").stdout == "b"
    kubectl("rollout", "status", "-n", pods, "deployment/kept", "--timeout=180s")
    assert restarts(pods) == before


def test_after_everything_was_killed_the_next_up_brings_the_pods_back(pods: str) -> None:
    for process in processes.of_node(SETTINGS.runtime):  # shims and all: mounts, links and rules stay behind
        processes.send(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not processes.of_node(SETTINGS.runtime), 60)
    bring_up()
    assert wait_until(all_running, AGAIN)
    assert wait_until(lambda: ready_pods(pods) == 2, AGAIN)


def ready_pods(namespace: str) -> int:
    items = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]
    rows = [row for item in items for row in item["status"].get("conditions", [])]
    return sum(row["type"] == "Ready" and row["status"] == "True" for row in rows)


def test_a_half_written_key_is_mended_and_its_service_restarted() -> None:
    key = SETTINGS.config / "pki" / "cluster" / "kube-proxy.key"
    key.write_bytes(key.read_bytes()[:40])
    changed = bring_up()
    assert "Make or renew certificates and keys" in changed
    assert bring_up() == []
    assert wait_until(all_running, AGAIN)


def test_kubectl_logs_works(pods: str) -> None:
    name = next(iter(restarts(pods)))
    # Its container may be on its way back yet.
    assert wait_until(lambda: kubectl("logs", "-n", pods, name, check=False).returncode == 0, 120)
