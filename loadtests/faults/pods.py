"""Faults of pods and of what makes them: killed, taken away, replaced by what does not run."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Mapping

from components.mesh.names import PROXY
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.faults import ground
from loadtests.faults.ground import MARK, Pod

# What a pod is known by that gets requests while others of its app get none.
BUSY_REQUESTS, BUSY_SECONDS = 10, 15.0
GONE_SECONDS = 5.0


def kill_pod(namespace: str, app: str) -> dict[str, str | float]:
    """SIGKILL all processes of an app's pod, the one that gets requests, and delete it. Returns which, and when.

    The kernel's signal comes first: no process has time to finish, and nobody is told beforehand.
    """
    pod = _chosen(namespace, app)
    killed = _killed(*pod.containers.values())
    words = ("--grace-period=0", "--force", "--wait=false", "--ignore-not-found")
    ground.here().do("delete", "pod", pod.name, "-n", namespace, *words)
    return {"pod": pod.name, **killed}


def crash(namespace: str, app: str, container: str) -> dict[str, str | float]:
    """SIGKILL one container of an app's pod, the one that gets requests. Returns which pod, and when.

    What stands beside it, such as its sidecar, goes on, and the kubelet starts it again: as where a program ends by
    itself, or has no memory any more.
    """
    pod = _chosen(namespace, app)
    if container not in pod.containers:
        raise UserError(what=f"no container {container} runs in {pod.name}", code=ExitCode.ERROR)
    return {"pod": pod.name, **_killed(pod.containers[container])}


def _chosen(namespace: str, app: str) -> Pod:
    ground.ours(namespace)
    pod = busiest(ground.pods(namespace, app))
    if pod is None:
        raise UserError(what=f"no pod of {app} is in {namespace}", code=ExitCode.ERROR)
    return pod


def _killed(*containers: str) -> dict[str, float]:
    """Kill containers' first processes, and with them all others in there. Returns when, and when they were gone: the
    kernel has closed then all that they had open.
    """
    processes = [os.pidfd_open(ground.process_of(container)) for container in containers]
    try:
        at = time.time()
        for process in processes:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in processes:
            ended = select.poll()
            ended.register(process, select.POLLIN)
            ended.poll(GONE_SECONDS * 1000)
        return {"at": at, "gone": time.time()}
    finally:
        for process in processes:
            os.close(process)


def busiest(pods: list[Pod]) -> Pod | None:
    """The pod that answers most: a caller's address chooses a replica, so that others may have nothing to do.

    By what their sidecars have let in; where they have none (a gateway is no sidecar), or get nothing, the first.
    """
    before = {pod.name: _requests(pod) for pod in pods} if len(pods) > 1 else {}
    if not any(before.values()):
        return next(iter(pods), None)
    after = dict(before)

    def seen() -> bool:
        after.update({pod.name: _requests(pod) for pod in pods})
        return any(after[name] - before[name] >= BUSY_REQUESTS for name in before)

    wait_until(seen, BUSY_SECONDS)
    return max(pods, key=lambda pod: after[pod.name] - before[pod.name])


def _requests(pod: Pod) -> int:
    """Requests that the pod's sidecar has handed on to the pod itself."""
    if PROXY not in pod.containers:
        return 0
    rows = [line.split("::") for line in ground.proxy(pod, "clusters").splitlines() if line.startswith("inbound|")]
    return sum(int(row[-1]) for row in rows if len(row) > 2 and row[-2] == "rq_total" and row[-1].isdigit())


def take_away(namespace: str, deployment: str) -> None:
    """Have no pod of a Deployment; how many there were is noted on it for `bring_back`."""
    ground.ours(namespace)
    cluster = ground.here()
    found = cluster.get("deployment", deployment, namespace)
    match found:
        case {"spec": {"replicas": int(replicas)}} if replicas > 0:
            cluster.do("annotate", f"deployment/{deployment}", "-n", namespace, "--overwrite", f"{MARK}={replicas}")
            cluster.do("scale", f"deployment/{deployment}", "-n", namespace, "--replicas=0")
        case None:
            raise UserError(what=f"there is no Deployment {deployment} in {namespace}", code=ExitCode.ERROR)


def bring_back(namespace: str) -> list[str]:
    """Have again what was taken away of a namespace's Deployments. Returns which."""
    ground.ours(namespace)
    cluster = ground.here()
    away = {ground.name_of(each): ground.annotation(each, MARK) for each in cluster.items("deployments", namespace)}
    done = [name for name, replicas in away.items() if replicas is not None]
    for name in done:
        cluster.do("scale", f"deployment/{name}", "-n", namespace, f"--replicas={int(away[name] or 1)}")
        cluster.do("annotate", f"deployment/{name}", "-n", namespace, f"{MARK}-")
    return done


def set_image_of(namespace: str, deployment: str, container: str, other: str) -> str:
    """Roll out the image of another Deployment (`namespace/name`), as a bad deploy does. Returns it. Raises UserError.

    Admission lets it in, as it is one of the environment's, and nothing in it answers as this Deployment does.
    """
    ground.ours(namespace)
    image = _image_of(other)
    ground.here().do("set", "image", f"deployment/{deployment}", f"{container}={image}", "-n", namespace)
    return image


def undo_rollout(namespace: str, deployment: str, container: str, other: str) -> None:
    """Back to the version before, if the other Deployment's image is what is declared now."""
    ground.ours(namespace)
    cluster = ground.here()
    found = cluster.get("deployment", deployment, namespace)
    if found is not None and _image(found, container) == _image_of(other):
        cluster.do("rollout", "undo", f"deployment/{deployment}", "-n", namespace)


def annotate_pods(namespace: str, deployment: str, name: str, value: str | None) -> None:
    """Roll out a Deployment's pods with an annotation, or without it (None)."""
    ground.ours(namespace)
    patch = {"spec": {"template": {"metadata": {"annotations": {name: value}}}}}
    ground.here().do("patch", f"deployment/{deployment}", "-n", namespace, "--type=merge", "-p", json.dumps(patch))


def left() -> list[str]:
    """What is still away."""
    found = ground.here().items("deployments")
    return [f"{ground.name_of(each)} is away" for each in found if ground.annotation(each, MARK) is not None]


def _image_of(other: str) -> str:
    """What the first container of a Deployment runs, as `namespace/name`."""
    namespace, _, name = other.partition("/")
    image = _image(ground.here().get("deployment", name, namespace) or {}, None)
    if image is None:
        raise UserError(what=f"there is no Deployment {name} in {namespace}", code=ExitCode.ERROR)
    return image


def _image(deployment: Mapping[str, object], container: str | None) -> str | None:
    """What a container of it runs; the first where none is named."""
    match deployment:
        case {"spec": {"template": {"spec": {"containers": [*containers]}}}}:
            return next((each["image"] for each in containers if container in {None, each["name"]}), None)
    return None
