"""Two small tenants of the mesh's tests, made from the components themselves, and what they ask each other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.labels import Owner, labels
from components.mesh import INJECTION, TenantMesh, TenantMeshArgs
from local.paths import Paths
from tests.cluster.inside import inside
from tests.components.recording import record

PATHS = Paths.for_user()
KUBECTL = PATHS.toolchain / "bin" / "kubectl"
PORT = 8080
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
# Answers with the caller's certificate as the proxy saw it, so that a test can tell who was let in.
SERVER = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (self.headers.get("x-forwarded-client-cert") or "nobody").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", {PORT}), Handler).serve_forever()
"""
# One request; prints the status, or the name of what went wrong.
ASK = """
import sys, urllib.request, urllib.error
try:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__, error)
"""
# Asks all the time, a new connection for every tenth; writes what it counted, once a second, over the last.
LOAD = """
import http.client, json, sys, time
host, failures, count, connection, shown = sys.argv[1], [], 0, None, 0.0
while True:
    try:
        if connection is None or count % 10 == 0:
            connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            failures.append(str(answer.status))
    except OSError as error:
        failures.append(repr(error)); connection = None
    except http.client.HTTPException as error:
        failures.append(repr(error)); connection = None
    count += 1
    if time.monotonic() - shown > 1:
        shown = time.monotonic()
        with open("/tmp/load.new", "w") as file:
            json.dump({"count": count, "failures": failures[-20:], "failed": len(failures)}, file)
        import os; os.replace("/tmp/load.new", "/tmp/load.json")
    time.sleep(0.02)
"""


def kubectl(*words: str, stdin: str | None = None, check: bool = True) -> str:
    """As the administrator of the environment that is up."""
    command = [str(KUBECTL), f"--kubeconfig={PATHS.kubeconfig}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=400)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def image(name: str) -> str:
    """The reference of an image that was built here."""
    found: dict[str, str] = json.loads(PATHS.image_digests.read_text("utf-8"))
    return found[name]


def apply(*objects: Mapping[str, object]) -> None:
    """Make objects."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


@dataclass(frozen=True, kw_only=True)
class Space:
    """A namespace as a tenant has it, made from TenantMesh."""

    name: str

    def make(self) -> None:
        """Namespace, doors and windows; what an earlier run left goes first."""
        kubectl("delete", "namespace", self.name, "--ignore-not-found")
        owner = Owner(environment="local", tenant=self.name, cost_centre="tests")
        meta = {"name": self.name, "labels": labels(owner) | INJECTION | RESTRICTED}
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        graph = record(lambda: TenantMesh(self.name, TenantMeshArgs(owner=owner, namespace=self.name)))
        found = [one.inputs for one in graph.resources if "apiVersion" in one.inputs]
        assert {one["kind"] for one in found} == {"AuthorizationPolicy", "Sidecar"}
        apply(*({key: one[key] for key in ("apiVersion", "kind", "metadata", "spec")} for one in found))

    def host(self, server: str = "server") -> str:
        """A Service's whole name."""
        return f"{server}.{self.name}.svc.cluster.local"

    def ask(self, pod: str, url: str, container: str = "main") -> str:
        """What a pod's container gets for one request: status and body, or the error's name."""
        done = inside(self.name, pod, container, "python3", "-c", ASK, url)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def wait(self, *pods: str) -> None:
        """Until pods are ready."""
        kubectl("wait", "-n", self.name, "--for=condition=Ready", "--timeout=180s", *(f"pod/{pod}" for pod in pods))

    def delete(self) -> None:
        """The namespace with all that is in it."""
        kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")


@dataclass(frozen=True, kw_only=True)
class PodAsked:
    """A pod. `program`: in Python; `annotations`, `labels`: the pod's."""

    space: Space
    name: str
    program: str
    arguments: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def make(self) -> None:
        """Ask for it; under Pod Security *restricted*, as an agent's pods are."""
        container = {
            "name": "main",
            "image": image("agent-runtime"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", self.program, *self.arguments],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            "resources": {
                "requests": {"cpu": "10m", "memory": "32Mi"},
                "limits": {"cpu": "500m", "memory": "64Mi"},
            },
        }
        spec = {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "8Mi"}}],
            "containers": [container],
        }
        meta = {
            "name": self.name,
            "namespace": self.space.name,
            "labels": {"app": self.name, **self.labels},
            "annotations": dict(self.annotations),
        }
        apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def serve(space: Space, name: str = "server", annotations: Mapping[str, str] | None = None) -> None:
    """A pod that answers, and its Service on port 80."""
    PodAsked(space=space, name=name, program=SERVER, annotations=annotations or {}).make()
    port = {"name": "http", "port": 80, "targetPort": PORT, "appProtocol": "http"}
    meta = {"name": name, "namespace": space.name}
    apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": name}, "ports": [port]}}
    )


def idle(space: Space, name: str, labels_: Mapping[str, str] | None = None) -> None:
    """A pod from which requests are made."""
    PodAsked(space=space, name=name, program="import signal; signal.pause()", labels=labels_ or {}).make()


@dataclass(frozen=True, kw_only=True)
class Load:
    """Constant load from a pod of its own."""

    space: Space
    name: str

    def counted(self) -> tuple[int, int, list[str]]:
        """How many requests so far, how many of them failed, and the last failures."""
        text = inside(self.space.name, self.name, "main", "cat", "/tmp/load.json").stdout
        try:
            found = json.loads(text)
        except ValueError:
            return 0, 0, []
        return int(found["count"]), int(found["failed"]), list(found["failures"])


def load(space: Space, host: str, name: str = "load", annotations: Mapping[str, str] | None = None) -> Load:
    """Begin constant load."""
    PodAsked(space=space, name=name, program=LOAD, arguments=[host], annotations=annotations or {}).make()
    return Load(space=space, name=name)


def data_folder() -> Path:
    """This user's data folder."""
    return PATHS.data
