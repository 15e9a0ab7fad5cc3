"""`python -m local.node_agent`: a service of the local node, started by playbooks/roles/node_agent."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from pathlib import Path

from local.node.host.probes import Access
from local.node_agent.agent import Agent
from local.node_agent.announcements import serve
from local.node_agent.api import Server
from local.node_agent.kernel import Kernel, Nothing
from local.node_agent.plan import NodePart

PROCESS_NAME = "node-agent"  # by which the node finds its services again


def main() -> None:
    """Run the agent until it is ended. The rules stay: whoever takes the node down removes them."""
    given = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    Path("/proc/self/comm").write_text(PROCESS_NAME)
    access = Access(authority=given.authority, certificate=given.certificate, key=given.key)
    agent = Agent(
        server=Server(given.server, access),
        enforcer=Kernel() if given.bridge else Nothing(),
        bridge=given.bridge or "",
        parts=(_dns(given.dns_address),) if given.dns_address else (),
    )
    threading.Thread(target=_answer_when_ready, args=(agent, given.socket), daemon=True).start()
    agent.run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="node-agent", description=__doc__)
    parser.add_argument("--server", required=True, help="URL of the API server")
    for name in ("authority", "certificate", "key"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument(
        "--socket", required=True, type=Path, help="there once rules are in force; the CNI plugin asks here"
    )
    parser.add_argument("--bridge", help="the link of the node's pods; without it no policy is enforced")
    parser.add_argument("--dns-address", help="where the cluster's name server listens, if it is no pod")
    return parser.parse_args()


def _dns(address: str) -> NodePart:
    """CoreDNS, as the pods that it is on other clusters."""
    ports = ((53, "UDP", "dns"), (53, "TCP", "dns-tcp"))
    return NodePart(namespace="kube-system", labels={"k8s-app": "kube-dns"}, address=address, ports=ports)


def _answer_when_ready(agent: Agent, path: Path) -> None:
    agent.ready.wait()
    os.umask(0o177)
    serve(agent.announcements, path)


if __name__ == "__main__":
    main()
