"""What planning and loading cost: `unshare --net .venv/bin/python -m tests.local.node_agent.measure [NAMESPACES]`."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable

from local.node_agent.plan import Cluster, plan
from local.node_agent.table import change, replacement
from tests.local.node_agent.samples import BRIDGE, DNS, namespace, pod, policy

PODS_EACH = 2
ROUNDS = 5


def tenants(count: int) -> Cluster:
    """Namespaces with two pods and four policies each, as tenants have: nothing by default, then what is needed."""
    names = [f"tenant-{number}" for number in range(count)]
    gateway = {"namespaceSelector": {"matchLabels": {"role": "gateway"}}}
    dns = {"namespaceSelector": {"matchLabels": {"name": "kube-system"}}}
    world = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.244.0.0/16", "10.96.0.0/16"]}}
    agent = {"matchLabels": {"app": "agent"}}
    policies = [
        made
        for home in names
        for made in (
            policy("deny", home=home, policyTypes=["Ingress", "Egress"]),
            policy(
                "dns",
                home=home,
                policyTypes=["Egress"],
                egress=[{"to": [dns], "ports": [{"port": 53, "protocol": "UDP"}]}],
            ),
            policy(
                "in",
                home=home,
                podSelector=agent,
                ingress=[{"from": [gateway, {"podSelector": {}}], "ports": [{"port": "http"}]}],
            ),
            policy(
                "out",
                home=home,
                podSelector=agent,
                policyTypes=["Egress"],
                egress=[{"to": [world], "ports": [{"port": 443}]}],
            ),
        )
    ]
    ports = [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    pods = [
        pod(
            f"p{number}",
            f"10.244.{where // 100}.{2 + number + PODS_EACH * (where % 100)}",
            {"app": "agent"},
            home=home,
            ports=ports,
        )
        for where, home in enumerate(names)
        for number in range(PODS_EACH)
    ]
    homes = [namespace(name, {}) for name in names] + [namespace("kube-system", {"name": "kube-system"})]
    return Cluster(bridge=BRIDGE, namespaces=homes, pods=pods, policies=policies, parts=(DNS,))


def seconds(work: Callable[[], object]) -> float:
    """The least of a few rounds: what else the machine does only adds."""
    return min(_once(work) for _ in range(ROUNDS))


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def load(script: str) -> None:
    """Into the kernel of this network namespace."""
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def main() -> None:
    """Print a line for each figure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    whole = tenants(count)
    fewer = dataclasses.replace(whole, pods=whole.pods[:-1])
    before, after = plan(fewer), plan(whole)
    script, step = replacement(after), change(before, after)

    def one_pod() -> None:
        load(replacement(before))
        started = time.perf_counter()
        load(step)
        steps.append(time.perf_counter() - started)

    steps: list[float] = []
    print(f"{count} namespaces, {len(whole.pods)} pods, {len(whole.policies)} policies")
    print(f"plan: {seconds(lambda: plan(whole)) * 1000:.0f} ms")
    print(f"load the whole table ({len(script) / 1024:.0f} KiB): {seconds(lambda: load(script)) * 1000:.0f} ms")
    seconds(one_pod)
    print(f"load one pod more ({len(step.splitlines())} lines): {min(steps) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
