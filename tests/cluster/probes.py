"""Pods that listen on a few ports and can be asked whether they reach something."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

from groundwork.waiting import wait_until
from local import images
from tests.cluster.node import kubectl, tools
from tests.local.node.quiet import Quiet

TCP, OTHER_TCP, UDP = 8080, 8081, 8082
# For a connection, which is the kernel's work alone; and for a program's answer, which a busy machine makes slow.
SECONDS, ANSWER_SECONDS = 2.0, 5.0

# Answers on two TCP ports (over IPv6, too) and a UDP port; by the second TCP port on, all three are open.
SERVE = f"""
import socket, socketserver, threading
class Tcp(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"here")
class Udp(socketserver.BaseRequestHandler):
    def handle(self): self.request[1].sendto(b"here", self.client_address)
class Server(socketserver.ThreadingTCPServer):
    address_family, request_queue_size = socket.AF_INET6, 128
udp = socketserver.ThreadingUDPServer(("", {UDP}), Udp)
for port in ({TCP}, {OTHER_TCP}):
    threading.Thread(target=Server(("::", port), Tcp).serve_forever).start()
udp.serve_forever()
"""
ASK = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[3] == "UDP" else socket.SOCK_STREAM
family, _, _, _, address = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=kind)[0]
with socket.socket(family, kind) as client:
    client.settimeout({seconds})
    client.connect(address)
    client.settimeout({patience})
    if sys.argv[3] == "UDP":
        client.send(b"?")
    if sys.argv[3] != "OPEN":
        client.recv(9)
"""
# Until it listens it is not ready, and who is sent there is refused.
LISTENS = {"tcpSocket": {"port": OTHER_TCP}, "periodSeconds": 1}


def image() -> str:
    """One with Python in it."""
    return images.build(["agent-runtime"], tools(), Quiet())["agent-runtime"]


def pod(name: str, labels: Mapping[str, str], program: str = SERVE) -> dict[str, object]:
    """A pod under Pod Security `restricted` that runs a Python program."""
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": image(),
        "imagePullPolicy": "Never",
        "command": ["python3", "-uc", program],
        "ports": [{"name": "web", "containerPort": TCP}],
        "securityContext": security,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        **({"readinessProbe": LISTENS} if program == SERVE else {}),
    }
    everyone = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "securityContext": everyone,
        "containers": [container],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": dict(labels)}, "spec": spec}


def apply(namespace: str, *objects: Mapping[str, object]) -> None:
    """Have the objects in the namespace."""
    kubectl(
        "apply", "-n", namespace, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )


def wait_ready(namespace: str, *names: str) -> None:
    """Wait for pods to be ready."""
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=180s", *(f"pod/{name}" for name in names))


def address(namespace: str, name: str) -> str:
    """A pod's address."""
    return kubectl("get", "pod", "-n", namespace, name, "-o", "jsonpath={.status.podIP}").stdout


def reaches(namespace: str, name: str, target: str, port: int = TCP, protocol: str = "TCP") -> bool:
    """Whether a pod gets an answer ("TCP", "UDP"), or at least a connection ("OPEN")."""
    command = ["python3", "-c", ASK.format(seconds=SECONDS, patience=ANSWER_SECONDS), target, str(port), protocol]
    return kubectl("exec", "-n", namespace, name, "--", *command, check=False).returncode == 0


def node_reaches(target: str, port: int = TCP) -> bool:
    """Whether the node gets an answer."""
    try:
        with socket.create_connection((target, port), timeout=SECONDS) as client:
            client.settimeout(ANSWER_SECONDS)
            return client.recv(9) == b"here"
    except OSError:
        return False


@contextmanager
def namespace(**labels: str) -> Iterator[str]:
    """A namespace of its own, gone afterwards."""
    name = f"gwt-{uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    wanted = {"pod-security.kubernetes.io/enforce": "restricted", **labels}
    kubectl("label", "namespace", name, *(f"{key}={value}" for key, value in wanted.items()))
    try:
        await_account(name)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def await_account(namespace: str) -> None:
    """Until a controller has made the account of pods that name none: without it a pod is refused."""
    words = ("get", "serviceaccount", "default", "-n", namespace)
    assert wait_until(lambda: kubectl(*words, check=False).returncode == 0, 60), f"{namespace} has no account"
