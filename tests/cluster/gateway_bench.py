"""What the mesh and the gateway cost: one agent asked directly, through sidecars, and through the gateway.

The agent and the client are the same three times; the client runs in a pod, with `tests/load.py`. Requests per core
count the processor time of everything but the client – agent, sidecars, gateway, authoriser, count – above what the
same takes when nobody asks.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml
from pydantic import JsonValue

from components.mesh.names import GATEWAY_NAMESPACE, INJECTION
from tests import load
from tests.cluster import processor
from tests.cluster.authority import authority
from tests.cluster.gateway import Guest, Object, apply, guests
from tests.cluster.inside import inside
from tests.cluster.node import kubectl

PLAIN, MESHED = "gwb-plain", "gwb-mesh"
AGENT, CLIENT = "concierge", "client"
INVOKE = "/v1/invoke"
BODY = json.dumps({"input": "Good morning"})
RATE, SECONDS = 40.0, 10.0
ROUNDS = 3
READY = "120s"
PORT: Object = {"name": "http", "port": 80, "targetPort": 8080}
LABELS = {PLAIN: {"istio-injection": "disabled"}, MESHED: {**INJECTION, "groundwork/tenant": MESHED}}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to the agent. `client`: the namespace whose client asks; `spaces`: those whose pods' time counts."""

    name: str
    plan: load.Plan
    client: str
    spaces: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one way took. Latencies in milliseconds."""

    name: str
    p50: float
    p99: float
    per_core: float


def _copied(namespace: str) -> list[Object]:
    """acme's agent, without its time to think, alone in a namespace, and a client beside it."""
    deployment = json.loads(kubectl("get", "deployment", AGENT, "-n", "acme", "-o", "json").stdout)
    pod = deployment["spec"]["template"]["spec"]
    volume = next(one for one in pod["volumes"] if one["name"] == "manifest")
    config = json.loads(kubectl("get", "configmap", volume["configMap"]["name"], "-n", "acme", "-o", "json").stdout)
    manifest = yaml.safe_load(config["data"]["manifest.yaml"])
    manifest["spec"]["model"]["thinkTime"] = "0ms"
    manifest["spec"]["limits"]["requestsPerMinute"] = 1_000_000
    volume["configMap"]["name"] = "manifest"
    pod["serviceAccountName"] = "default"
    pod.pop("serviceAccount", None)
    labels: Object = {"app": AGENT}
    container = {
        **pod["containers"][0],
        "name": CLIENT,
        "command": ["sleep", "infinity"],
        "args": [],
        "env": [],
        "volumeMounts": [{"name": "load", "mountPath": "/load"}],
    }
    for unused in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports"):
        container.pop(unused, None)
    client = {
        "securityContext": pod["securityContext"],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "load", "configMap": {"name": "load"}}],
    }

    def made(version: str, kind: str, name: str, **rest: JsonValue) -> Object:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **rest}

    return [
        made("v1", "ConfigMap", "manifest", data={"manifest.yaml": yaml.safe_dump(manifest)}),
        made("v1", "ConfigMap", "load", data={"load.py": Path(load.__file__).read_text(), "ca.crt": ""}),
        made(
            "v1",
            "Service",
            AGENT,
            spec={"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        ),
        made(
            "apps/v1",
            "Deployment",
            AGENT,
            spec={
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        ),
        made("v1", "Pod", CLIENT, spec=client),
    ]


def _spaces(ca: Path) -> list[Object]:
    objects: list[Object] = []
    for name, labels in (
        (PLAIN, {"istio-injection": "disabled"}),
        (MESHED, {**INJECTION, "groundwork/tenant": MESHED}),
    ):
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**labels}}})
        objects += _copied(name)
    objects.append(
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": "everyone", "namespace": MESHED},
            "spec": {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": [MESHED, GATEWAY_NAMESPACE]}}]}]},
        }
    )
    for one in objects:
        data = one.get("data")
        if isinstance(data, dict) and "ca.crt" in data:
            data["ca.crt"] = ca.read_text()
    return objects


@contextmanager
def world() -> Iterator[Guest]:
    """The two copies of the agent, and a tenant whose name leads to the one in the mesh."""
    with tempfile.TemporaryDirectory() as folder:
        ca = authority(Path(folder) / "ca.crt")
        try:
            apply(_spaces(ca))
            for name in (PLAIN, MESHED):
                kubectl("wait", "-n", name, "--for=condition=Available", f"--timeout={READY}", f"deployment/{AGENT}")
                kubectl("wait", "-n", name, "--for=condition=Ready", f"--timeout={READY}", f"pod/{CLIENT}")
            with guests({"bench": 10_000}, ca, f"{AGENT}.{MESHED}.svc.cluster.local") as made:
                yield made["bench"]
        finally:
            for name in (PLAIN, MESHED):
                kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def ways(guest: Guest) -> list[Way]:
    """The three, each with its plan."""
    gateway = kubectl("get", "service", "gateway", "-n", GATEWAY_NAMESPACE, "-o", "jsonpath={.spec.clusterIP}").stdout

    direct = load.Plan(
        url=f"http://{AGENT}.{PLAIN}{INVOKE}", rate=RATE, seconds=SECONDS, warm=1.0, start=0.0, body=BODY
    )
    meshed = replace(direct, url=f"http://{AGENT}.{MESHED}{INVOKE}")
    through = replace(
        direct,
        url=f"https://{guest.host}/agents/{AGENT}{INVOKE}",
        headers=guest.headers,
        connect=(gateway, 443),
        ca="/load/ca.crt",
    )
    return [
        Way(name="agent direct", plan=direct, client=PLAIN, spaces=[PLAIN]),
        Way(name="with sidecars", plan=meshed, client=MESHED, spaces=[MESHED]),
        Way(name="with gateway and authorisation", plan=through, client=PLAIN, spaces=[MESHED, GATEWAY_NAMESPACE]),
    ]


def measure(way: Way) -> Row:
    """Send the plan a few times; all rounds together. Raises RuntimeError when a request was not answered with 200."""
    latencies: list[float] = []
    taken, answered = 0.0, 0
    counted = [
        one
        for space in way.spaces
        for one in processor.containers(space)
        if (one.pod, one.name) != (CLIENT, CLIENT) and not (way.client != space and one.pod == CLIENT)
    ]
    idle = _idle(counted)
    for _ in range(ROUNDS):
        plan = {**asdict(way.plan), "start": time.time() + 2}
        before, began = processor.seconds(counted), time.monotonic()
        done = inside(way.client, CLIENT, CLIENT, "python3", "/load/load.py", json.dumps(plan))
        taken += processor.seconds(counted) - before - idle * (time.monotonic() - began)
        report = load.report(done.stdout)
        if set(report.statuses) != {"200"}:
            raise RuntimeError(f"{way.name}: {report.statuses} {report.errors}")
        latencies += report.latencies
        answered += report.total
    p50, p99 = (1000 * load.percentile(latencies, share) for share in (0.5, 0.99))
    return Row(name=way.name, p50=p50, p99=p99, per_core=answered / taken)


def _idle(counted: Sequence[processor.Container]) -> float:
    """What they take when nobody asks, in cores."""
    before, began = processor.seconds(counted), time.monotonic()
    time.sleep(SECONDS)
    return (processor.seconds(counted) - before) / (time.monotonic() - began)


def main() -> None:
    """Print a row a way."""
    with world() as guest:
        print(f"{'':34} {'p50':>9} {'p99':>9} {'requests per core-second':>25}")
        for way in ways(guest):
            row = measure(way)
            print(f"{row.name:34} {row.p50:6.1f} ms {row.p99:6.1f} ms {row.per_core:25.0f}")


if __name__ == "__main__":
    main()
