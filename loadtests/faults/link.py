"""Faults of a pod's link: packets that are lost, by iptables in the pod's network namespace."""

from __future__ import annotations

from loadtests.faults import ground
from loadtests.faults.ground import MARK, TENANTS


def drop_packets(namespace: str, app: str, percent: int) -> list[str]:
    """Lose this share of the packets that come to an app's pods on their link; 100 cuts them off. Returns the pods."""
    ground.ours(namespace)
    ground.bounded("percent", percent, 1, 100)
    chance = [] if percent == 100 else ["-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:.2f}"]
    pods = _pids(namespace, app)
    for pid in pods.values():
        # Not the loopback, over which a sidecar speaks to its agent: the link.
        _in_network(pid, "-I", "INPUT", "1", "!", "-i", "lo", *chance, "-m", "comment", "--comment", MARK, "-j", "DROP")
    return list(pods)


def restore_packets(namespace: str, app: str) -> None:
    """Take the loss away, wherever it is."""
    ground.ours(namespace)
    for pid in _pids(namespace, app).values():
        for rule in reversed(_rules(pid)):
            _in_network(pid, "-D", *rule)


def left() -> list[str]:
    """The pods of tenants whose link still has a rule of an experiment."""
    return [
        f"{namespace}/{name} loses packets"
        for namespace in TENANTS
        for name, pid in _pids(namespace, None).items()
        if _rules(pid)
    ]


def _pids(namespace: str, app: str | None) -> dict[str, int]:
    """Pod → a process whose network it has, by the container engine."""
    found = {pod.name: next(iter(pod.containers.values()), None) for pod in ground.pods(namespace, app)}
    return {name: ground.process_of(container) for name, container in found.items() if container is not None}


def _rules(pid: int) -> list[list[str]]:
    """The rules that experiments have put on a link, as `iptables -S` writes them, without `-A`."""
    lines = _in_network(pid, "-S", "INPUT").splitlines()
    return [line.split()[1:] for line in lines if line.startswith("-A") and MARK in line]


def _in_network(pid: int, *arguments: str) -> str:
    return ground.run(["nsenter", "--target", str(pid), "--net", "iptables", "--wait", "5", *arguments])
