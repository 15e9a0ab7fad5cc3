"""What all faults stand on: the cluster, its node, and what may be touched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.domains.names import NAMESPACE as DOMAINS
from components.mesh.names import GATEWAY_NAMESPACE, OBSERVABILITY_NAMESPACE, PROXY
from components.mesh.names import NAMESPACE as MESH
from components.secrets.names import NAMESPACE as SECRETS
from groundwork.errors import ExitCode, UserError
from local.cluster import Cluster
from local.node.host.supervisord import Supervisord
from local.paths import Paths

# On whatever a fault has put anywhere, so that it is found again.
MARK = "groundwork-fault"
# Those of the demo (promotion/demo) are there while it runs, and have nothing in them otherwise.
TENANTS = ("acme", "globex", "demo-dev", "demo-staging", "demo-prod")
OURS = (*TENANTS, GATEWAY_NAMESPACE, DOMAINS, MESH, OBSERVABILITY_NAMESPACE, SECRETS)
_STATES = Path("/run/groundwork/runc/k8s.io")
_ASK = "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=20).read())"


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod. `containers`: name → id of each that runs, the pod's own first, then those that stand by it.

    `ready`: the names of those that are.
    """

    name: str
    namespace: str
    uid: str
    containers: Mapping[str, str]
    ready: frozenset[str]


def here() -> Cluster:
    """The cluster of the environment that is up. Raises UserError where none is."""
    from local import record
    from local.up import cluster_of

    paths = Paths.for_user()
    return cluster_of(record.require(paths), paths)


def ours(namespace: str) -> None:
    """Raise UserError for a namespace that this project has not made."""
    if namespace not in OURS:
        raise UserError(what=f"experiments do not touch namespace {namespace}", allowed=", ".join(OURS))


def bounded(what: str, value: float, least: float, most: float) -> None:
    """Raise UserError for more, or longer, than a fault may be."""
    if not least <= value <= most:
        raise UserError(what=f"{what}: {value:g} is out of bounds", allowed=f"{least:g} to {most:g}")


def pods(namespace: str, app: str | None = None) -> list[Pod]:
    """The pods of an app that are not on their way out, or all of a namespace's. Raises UserError."""
    found = []
    for each in here().items("pods", namespace):
        match each:
            case {"metadata": {"deletionTimestamp": _}}:
                continue
            case {"metadata": {"name": str(name), "uid": str(uid)}, "status": Mapping() as status}:
                if app is None or _app(each) == app:
                    running, ready = _running(status)
                    found.append(Pod(name=name, namespace=namespace, uid=uid, containers=running, ready=ready))
    return found


def _app(pod: Mapping[str, object]) -> str | None:
    match pod:
        case {"metadata": {"labels": {"app.kubernetes.io/name": str(app)}}}:
            return app
    return None


def _running(status: Mapping[str, object]) -> tuple[dict[str, str], frozenset[str]]:
    found, ready = dict[str, str](), set[str]()
    for kind in ("containerStatuses", "initContainerStatuses"):
        rows = status.get(kind)
        for row in rows if isinstance(rows, list) else []:
            match row:
                case {"name": str(name), "containerID": str(container), "state": {"running": _}, "ready": is_ready}:
                    found[name] = container
                    ready.update([name] if is_ready is True else [])
    return found, frozenset(ready)


def process_of(container: str) -> int:
    """The first process of a container on this node, by the id that its pod's status gives. Raises UserError."""
    state = _STATES / container.rpartition("/")[2] / "state.json"
    try:
        return int(json.loads(state.read_text("utf-8"))["init_process_pid"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            what=f"no process of the container is known: {error}", where=str(state), code=ExitCode.ERROR
        ) from None


def proxy(pod: Pod, question: str) -> str:
    """What the administration of a pod's sidecar says, such as of `clusters`. Raises UserError.

    Asked by this machine from inside the pod's network: admission lets nobody run anything in a tenant's pod.
    """
    process = process_of(pod.containers[PROXY])
    words = (sys.executable, "-c", _ASK, f"http://127.0.0.1:15000/{question}")
    return run(("nsenter", "--target", str(process), "--net", *words))


def inside(container: str, *command: str) -> str:
    """What a program says that this machine runs among a container's files, with its environment. Raises UserError."""
    process = process_of(container)
    rows = Path(f"/proc/{process}/environ").read_text("utf-8").split("\0")
    # Not as arguments, which everybody on this machine can read.
    environment = {name: value for name, found, value in (row.partition("=") for row in rows) if found}
    return run(("nsenter", "--target", str(process), "--mount", *command), environment)


def supervisord() -> Supervisord:
    """What keeps the real node's services."""
    return Supervisord(
        program=Path(sys.executable).parent / "supervisord",
        config=Path("/etc/groundwork"),
        runtime=Path("/run/groundwork"),
        logs=Path("/var/log/groundwork"),
    )


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a program of this machine writes. Raises UserError where it fails, or takes a minute."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise UserError(what=f"{' '.join(command[:4])} …: {done.stderr.strip()}", code=ExitCode.ERROR)
    return done.stdout


def annotation(found: Mapping[str, object], name: str) -> str | None:
    """One of an object's annotations; None where it has no such."""
    match found:
        case {"metadata": {"annotations": Mapping() as notes}} if name in notes:
            return str(notes[name])
    return None


def name_of(found: Mapping[str, object]) -> str:
    """An object's name."""
    match found:
        case {"metadata": {"name": str(name)}}:
            return name
    return ""
