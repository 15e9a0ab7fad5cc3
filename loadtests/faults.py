"""What experiments do to an environment of this machine, and ask it: the functions that their activities name.

Each takes only what the experiment says. Whatever is done has a function here that undoes it and that can be run when
nothing was done, so that a roll-back is always safe.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.node.host.supervisord import Supervisord
from local.paths import Paths

MARK = "groundwork-fault"
SETTLED_SECONDS = 180
# Those of the demo (promotion/demo) are there while it runs, and have nothing in them otherwise.
TENANTS = ("acme", "globex", "demo-dev", "demo-staging", "demo-prod")
OURS = (*TENANTS, "groundwork-gateway", "groundwork-domains", "istio-system")


def here() -> Cluster:
    """The cluster of the environment that is up. Raises UserError where none is."""
    from local import record
    from local.up import cluster_of

    paths = Paths.for_user()
    return cluster_of(record.require(paths), paths)


def kill_pod(namespace: str, app: str, count: int = 1) -> list[str]:
    """Kill pods of an app at once, with no time to finish: their processes get SIGKILL. Returns their names."""
    _ours(namespace)
    names = here().names("pods", namespace, _selector(app))[:count]
    if not names:
        raise UserError(what=f"no pod of {app} is in {namespace}", code=ExitCode.ERROR)
    _kubectl("delete", "pod", *names, "-n", namespace, "--grace-period=0", "--force", "--wait=false")
    return names


def scale(namespace: str, deployment: str, replicas: int) -> None:
    """Have so many replicas."""
    _ours(namespace)
    _kubectl("scale", f"deployment/{deployment}", "-n", namespace, f"--replicas={replicas}")


def set_image(namespace: str, deployment: str, container: str, image: str) -> None:
    """Roll out another image, as a bad deploy does."""
    _ours(namespace)
    _kubectl("set", "image", f"deployment/{deployment}", f"{container}={image}", "-n", namespace)


def undo_rollout(namespace: str, deployment: str, container: str, image: str) -> None:
    """Back to the version before, if `image` is what is declared now."""
    _ours(namespace)
    found = here().get("deployment", deployment, namespace)
    if found is not None and _image(found, container) == image:
        _kubectl("rollout", "undo", f"deployment/{deployment}", "-n", namespace)


def stop_service(name: str) -> None:
    """Stop a service of the node, such as coredns; nothing starts it again but `start_service`."""
    supervisord().stop(name)


def start_service(name: str) -> None:
    """Start a service of the node that was stopped."""
    supervisord().start(name)


def drop_packets(namespace: str, app: str, percent: int) -> list[str]:
    """Lose this share of the packets that come to an app's pods on their link; 100 cuts them off. Returns the pods."""
    _ours(namespace)
    if not 1 <= percent <= 100:
        raise UserError(what=f"{percent} is no share", allowed="1 to 100")
    chance = [] if percent == 100 else ["-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:.2f}"]
    pods = _pids(namespace, app)
    for pid in pods.values():
        # Not the loopback, over which a sidecar speaks to its agent: the link.
        _in_network(pid, "-I", "INPUT", "1", "!", "-i", "lo", *chance, "-m", "comment", "--comment", MARK, "-j", "DROP")
    return list(pods)


def restore_packets(namespace: str, app: str) -> None:
    """Take the loss away, wherever it is."""
    _ours(namespace)
    for pid in _pids(namespace, app).values():
        for rule in reversed(_rules(pid)):
            _in_network(pid, "-D", *rule)


def packets_pass(namespace: str, app: str) -> bool:
    """Whether no rule of an experiment is left on the link of an app's pods."""
    return not any(_rules(pid) for pid in _pids(namespace, app).values())


def settled(namespace: str, seconds: int = SETTLED_SECONDS) -> bool:
    """Whether every Deployment of a namespace has all it wants, ready and of its present version, within a time."""
    cluster = here()
    return wait_until(lambda: all(_ready(each) for each in cluster.items("deployments", namespace)), seconds)


def available(namespace: str, deployment: str, seconds: int = 30) -> bool:
    """Whether a Deployment has a pod that answers, within a time."""
    cluster = here()

    def seen() -> bool:
        match cluster.get("deployment", deployment, namespace):
            case {"status": {"availableReplicas": int(there)}}:
                return there > 0
        return False

    return wait_until(seen, seconds)


def all_settled(seconds: int = SETTLED_SECONDS) -> bool:
    """Whether nothing of a fault is left: Deployments have all they want, the node's services run, links are whole."""
    services = [file.stem for file in Path("/etc/groundwork/services").glob("*.conf")]
    return (
        all(settled(namespace, seconds) for namespace in OURS)
        and all(service_runs(name) for name in services)
        and packets_pass("acme", "concierge")
    )


def stuck(namespace: str, deployment: str, seconds: int = 60) -> bool:
    """Whether a rollout is under way whose new pod does not become ready, while old ones serve."""
    cluster = here()

    def seen() -> bool:
        match cluster.get("deployment", deployment, namespace):
            case {"status": {"availableReplicas": int(there), "unavailableReplicas": int(missing)}}:
                return there > 0 and missing > 0
        return False

    return wait_until(seen, seconds)


def service_runs(name: str, seconds: int = 30) -> bool:
    """Whether a service of the node runs within a time."""
    keeper = supervisord()
    return wait_until(lambda: keeper.pid(name) is not None, seconds)


def declared() -> dict[str, str]:
    """What is declared in the namespaces that experiments touch: object → its pods' template, or its spec.

    An experiment must leave it as it was. Replicas are left out where an autoscaler has them.
    """
    cluster = here()
    found = {}
    for namespace in OURS:
        scaled = {_target(each) for each in cluster.items("horizontalpodautoscalers", namespace)}
        for each in cluster.items("deployments", namespace):
            name, spec = _name(each), each.get("spec")
            kept = dict(spec) if isinstance(spec, Mapping) else {}
            if name in scaled:
                kept.pop("replicas", None)
            found[f"{namespace}/{name}"] = json.dumps(kept, sort_keys=True)
    return found


def supervisord() -> Supervisord:
    """What keeps the real node's services."""
    return Supervisord(
        program=Path(sys.executable).parent / "supervisord",
        config=Path("/etc/groundwork"),
        runtime=Path("/run/groundwork"),
        logs=Path("/var/log/groundwork"),
    )


def _ours(namespace: str) -> None:
    if namespace not in OURS:
        raise UserError(what=f"experiments do not touch namespace {namespace}", allowed=", ".join(OURS))


def _selector(app: str) -> str:
    return f"app.kubernetes.io/name={app}"


def _kubectl(*arguments: str) -> str:
    cluster = here()
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), "--request-timeout=20s", *arguments]
    return _run(command)


def _pids(namespace: str, app: str) -> dict[str, int]:
    """Pod → the process whose network it has, by the container engine."""
    found: dict[str, int] = {}
    for pod in here().items("pods", namespace):
        match pod:
            case {
                "metadata": {"name": str(name), "labels": {"app.kubernetes.io/name": label}},
                "status": {"containerStatuses": [{"containerID": str(container)}, *_]},
            } if label == app:
                found[name] = process_of(container)
    return found


def process_of(container: str) -> int:
    """The first process of a container on this node, by the id that its pod's status gives. Raises UserError."""
    state = Path("/run/groundwork/runc/k8s.io") / container.rpartition("/")[2] / "state.json"
    try:
        return int(json.loads(state.read_text("utf-8"))["init_process_pid"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            what=f"no process of the container is known: {error}", where=str(state), code=ExitCode.ERROR
        ) from None


def _rules(pid: int) -> list[list[str]]:
    """The rules that experiments have put on a link, as `iptables -S` writes them, without `-A`."""
    lines = _in_network(pid, "-S", "INPUT").splitlines()
    return [line.split()[1:] for line in lines if line.startswith("-A") and MARK in line]


def _in_network(pid: int, *arguments: str) -> str:
    return _run(["nsenter", "--target", str(pid), "--net", "iptables", "--wait", "5", *arguments])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise UserError(what=f"{' '.join(command[:4])} …: {done.stderr.strip()}", code=ExitCode.ERROR)
    return done.stdout


def _ready(deployment: Mapping[str, object]) -> bool:
    match deployment:
        case {"metadata": {"generation": now}, "spec": {"replicas": wanted}, "status": status}:
            seen = status if isinstance(status, Mapping) else {}
            counts = [seen.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            return seen.get("observedGeneration") == now and counts == [wanted] * 3
    return False


def _image(deployment: Mapping[str, object], container: str) -> str | None:
    match deployment:
        case {"spec": {"template": {"spec": {"containers": [*containers]}}}}:
            return next((each["image"] for each in containers if each["name"] == container), None)
    return None


def _name(found: Mapping[str, object]) -> str:
    match found:
        case {"metadata": {"name": str(name)}}:
            return name
    return ""


def _target(autoscaler: Mapping[str, object]) -> str:
    match autoscaler:
        case {"spec": {"scaleTargetRef": {"name": str(name)}}}:
            return name
    return ""
