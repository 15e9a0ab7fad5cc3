"""Each fault's plan and its undoing, on a cluster that was recorded."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from loadtests.faults import ground, link, node, pods, state
from loadtests.faults.ground import MARK, OURS
from local.node.host import processes
from tests.loadtests.conftest import Host
from tests.loadtests.recorded import OBJECTS, Recorded

REDIS = "groundwork-gateway/redis"
AGENTS = [str(name) for each in OBJECTS["pods"] if "concierge" in (name := ground.name_of(each))]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []

    def kill(pid: int, sign: signal.Signals) -> None:
        assert sign is signal.SIGKILL
        found.append(pid)

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(processes, "send", kill)
    return found


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real processes in place of containers', each started when it is asked for."""
    found: list[subprocess.Popen[bytes]] = []

    def process_of(_: str) -> int:
        found.append(subprocess.Popen(["sleep", "60"]))
        return found[-1].pid

    monkeypatch.setattr(ground, "process_of", process_of)
    yield found
    for each in found:
        each.kill()
        each.wait()


@given(st.text().filter(lambda name: name not in OURS))
def test_a_foreign_namespace_is_refused(namespace: str) -> None:
    faults = (
        lambda: pods.kill_pod(namespace, "anything"),
        lambda: pods.crash(namespace, "anything", "agent"),
        lambda: pods.take_away(namespace, "anything"),
        lambda: pods.bring_back(namespace),
        lambda: pods.set_image_of(namespace, "anything", "agent", REDIS),
        lambda: pods.undo_rollout(namespace, "anything", "agent", REDIS),
        lambda: pods.annotate_pods(namespace, "anything", "a", "b"),
        lambda: link.drop_packets(namespace, "anything", 20),
        lambda: link.restore_packets(namespace, "anything"),
    )
    for fault in faults:
        with pytest.raises(UserError, match="do not touch"):
            fault()


def test_kube_system_and_default_are_foreign() -> None:
    assert not {"kube-system", "default"} & set(OURS)


def test_every_process_of_the_pod_that_is_asked_is_killed(
    cluster: Recorded, running: list[subprocess.Popen[bytes]]
) -> None:
    asked = iter([5, 7, 5, 40])
    words: list[Sequence[str]] = []

    def says(_: str, command: Sequence[str]) -> str:
        words.append(command)
        return f"inbound|8080||::10.244.0.9:8080::rq_total::{next(asked)}\noutbound|80||x::10.1.1.1::rq_total::900\n"

    object.__setattr__(cluster, "says", says)
    done = pods.kill_pod("acme", "concierge")
    assert done["pod"] == AGENTS[1], "the second has been asked more since"
    assert [each.wait(0) for each in running] == [-signal.SIGKILL] * 2, "the agent and its sidecar"
    assert 0 < float(done["gone"]) - float(done["at"]) < pods.GONE_SECONDS
    ((verb, kind, name, *rest),) = cluster.orders
    assert (verb, kind, name) == ("delete", "pod", AGENTS[1])
    assert {"--force", "--grace-period=0", "acme"} <= set(rest)


def test_a_crash_ends_one_container_and_leaves_the_pod(
    cluster: Recorded, running: list[subprocess.Popen[bytes]]
) -> None:
    done = pods.crash("acme", "concierge", "agent")
    assert done["pod"] in AGENTS
    assert [each.wait(0) for each in running] == [-signal.SIGKILL]
    assert not cluster.orders, "the kubelet starts it again"
    with pytest.raises(UserError, match="no container nobody"):
        pods.crash("acme", "concierge", "nobody")


def test_no_pod_to_kill_is_an_error(cluster: Recorded, running: list[subprocess.Popen[bytes]]) -> None:
    cluster.objects["pods"] = []
    with pytest.raises(UserError, match="no pod of concierge"):
        pods.kill_pod("acme", "concierge")
    assert not running


def test_a_pod_on_its_way_out_is_none(cluster: Recorded) -> None:
    meta = cluster.one("pods", AGENTS[0])["metadata"]
    assert isinstance(meta, dict)
    meta["deletionTimestamp"] = "2026-11-29T16:00:00Z"
    assert [pod.name for pod in ground.pods("acme", "concierge")] == AGENTS[1:]


def test_what_is_taken_away_comes_back_as_it_was(cluster: Recorded) -> None:
    where = "groundwork-observability"
    pods.take_away(where, "prometheus")
    assert [order[0] for order in cluster.orders] == ["annotate", "scale"], "noted before it is gone"
    assert f"{MARK}=1" in cluster.orders[0]
    assert "--replicas=0" in cluster.orders[1]
    cluster.one("deployments", "prometheus")["metadata"] = {
        "name": "prometheus",
        "namespace": where,
        "annotations": {MARK: "3"},
    }
    assert pods.left() == ["prometheus is away"]
    cluster.orders.clear()
    assert pods.bring_back(where) == ["prometheus"]
    assert "--replicas=3" in cluster.orders[0]
    assert f"{MARK}-" in cluster.orders[1]


def test_what_is_away_is_not_taken_away_again(cluster: Recorded) -> None:
    cluster.one("deployments", "prometheus")["spec"] = {"replicas": 0}
    pods.take_away("groundwork-observability", "prometheus")
    assert not cluster.orders, "the number that was noted stays"


def test_bringing_back_and_undoing_do_nothing_where_nothing_was_done(cluster: Recorded, host: Host) -> None:
    assert pods.bring_back("groundwork-observability") == []
    pods.undo_rollout("acme", "concierge", "agent", REDIS)
    link.restore_packets("acme", "concierge")
    node.start_service("coredns")
    assert not cluster.orders
    assert host.running["coredns"] == 71
    assert all("-D" not in command for command in host.ran)


def test_a_bad_deploy_has_an_image_of_the_environment(cluster: Recorded) -> None:
    image = pods.set_image_of("acme", "concierge", "agent", REDIS)
    assert image.startswith("localhost/groundwork/redis@sha256:")
    assert cluster.orders == [("set", "image", "deployment/concierge", f"agent={image}", "-n", "acme")]
    with pytest.raises(UserError, match="no Deployment nobody"):
        pods.set_image_of("acme", "concierge", "agent", "groundwork-gateway/nobody")


def test_a_bad_deploy_is_undone_where_it_is_declared(cluster: Recorded) -> None:
    agent = cluster.one("deployments", "concierge")
    text = json.dumps(agent["spec"]).replace("localhost/groundwork/agent-runtime", "localhost/groundwork/redis")
    agent["spec"] = json.loads(re.sub(r"redis@sha256:[0-9a-f]+", pods._image_of(REDIS).rpartition("/")[2], text))
    pods.undo_rollout("acme", "concierge", "agent", REDIS)
    assert cluster.orders == [("rollout", "undo", "deployment/concierge", "-n", "acme")]


@pytest.mark.parametrize("percent", [-1, 0, 101, 1000])
def test_no_share_of_packets_is_refused(cluster: Recorded, host: Host, percent: int) -> None:
    with pytest.raises(UserError, match="out of bounds"):
        link.drop_packets("acme", "concierge", percent)
    assert not host.ran
    assert not cluster.orders


def test_packets_are_lost_on_the_link_and_every_rule_goes(cluster: Recorded, host: Host) -> None:
    assert link.drop_packets("acme", "concierge", 20) == AGENTS
    assert all({"!", "lo", "0.20", MARK, "DROP"} <= set(command) for command in host.ran)
    rule = f"-A INPUT ! -i lo -m comment --comment {MARK} -j DROP\n"
    host.says["-S"] = f"-P INPUT ACCEPT\n-A INPUT -j KUBE\n{rule}{rule}"
    host.ran.clear()
    link.restore_packets("acme", "concierge")
    assert sum("-D" in command for command in host.ran) == 2 * len(AGENTS)
    assert all("KUBE" not in command for command in host.ran)
    assert len(link.left()) == len(AGENTS) + 1, "globex's agent too, on this host that says the same of each"
    assert cluster.orders == []


def test_a_service_is_stopped_and_started(host: Host) -> None:
    node.stop_service("coredns")
    assert node.service_is_down("coredns")
    assert host.running["coredns"] is None
    node.start_service("coredns")
    assert node.service_runs("coredns", 0)


@pytest.mark.parametrize("name", ["sshd", "", "coredns; reboot"])
def test_only_the_nodes_services_are_touched(host: Host, name: str) -> None:
    for fault in (node.stop_service, node.start_service, node.kill_service):
        with pytest.raises(UserError, match="no service of the node"):
            fault(name)
    assert host.running == Host().running


def test_a_killed_service_is_waited_for(host: Host, killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([72, 72, None, 80])
    monkeypatch.setattr(host, "pid", lambda _: next(seen))
    assert node.kill_service("kubelet") == 80
    assert killed == [72]


def test_a_service_that_stays_down_is_an_error(host: Host, killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "AGAIN_SECONDS", 0.0)
    with pytest.raises(UserError, match="not started again"):
        node.kill_service("kubelet")
    host.stop("kubelet")
    with pytest.raises(UserError, match="does not run"):
        node.kill_service("kubelet")
    assert killed == [72]


def test_what_is_declared_leaves_out_what_an_autoscaler_has(cluster: Recorded) -> None:
    before = state.declared()
    assert len(before) == len(OBJECTS["deployments"])
    for name in ("concierge", "prometheus"):
        spec = cluster.one("deployments", name)["spec"]
        assert isinstance(spec, dict)
        spec["replicas"] = 7
    after = state.declared()
    assert {name for name in before if before[name] != after[name]} == {"groundwork-observability/prometheus"}


def test_settled_is_all_of_a_namespace(cluster: Recorded) -> None:
    assert state.settled("acme", 0)
    status = cluster.one("deployments", "concierge")["status"]
    assert isinstance(status, dict)
    status["availableReplicas"] = 1
    assert not state.settled("acme", 0)
    assert state.settled("globex", 0)
