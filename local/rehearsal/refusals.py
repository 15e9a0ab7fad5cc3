"""What the API server of a rehearsal lets in and what not, asked in dry runs: its webhook is real (gatekeeper.py)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from groundwork.errors import UserError
from local.cluster import Cluster

_CLOSED = "failed calling webhook"
_OTHER = "sha256:" + "b" * 64


@dataclass(frozen=True, kw_only=True)
class Bad:
    """An object that `rule` refuses, by the name that Gatekeeper gives in its answer."""

    what: str
    rule: str
    made: Mapping[str, object]


def wrong(cluster: Cluster, agents: Iterable[str], silent: AbstractContextManager[None]) -> Iterator[str]:
    """What is let in that is bad, or kept out though it is good, in words. `agents`: as tenant/agent; `silent`: the
    webhook answers nobody meanwhile.
    """
    for agent in sorted(agents):
        tenant, _, name = agent.partition("/")
        pods = cluster.names("pods", tenant, f"app.kubernetes.io/name={name}")
        if pods:
            break
    else:
        yield "admission was asked nothing: no agent has a pod"
        return
    good = twin(cluster.get("pod", pods[0], tenant) or {})
    said = cluster.refusal(good)
    if said:
        yield f"a pod like {agent}'s own is refused: {said}"
    for bad in (*bad_pods(good), bad_service(tenant)):
        said = cluster.refusal(bad.made)
        if f"[{bad.rule}]" not in said:
            yield f"{bad.what} is not refused by {bad.rule}: {said or 'it is let in'}"
    for doing, rule, command in (
        ("entering a tenant's pod", "[k8s-no-exec]", ("exec", "-n", tenant, pods[0], "--", "true")),
        (
            "sparing a namespace",
            "check-ignore-label",
            ("label", "namespace", tenant, "admission.gatekeeper.sh/ignore=yes", "--dry-run=server"),
        ),
    ):
        said = _said(cluster, *command)
        if rule not in said:
            yield f"{doing} is not refused by {rule}: {said or 'it is allowed'}"
    with silent:
        said = cluster.refusal(good)
    if _CLOSED not in said:
        yield f"a pod is not refused while nobody answers: {said or 'it is let in'}"


def twin(pod: Mapping[str, object]) -> Mapping[str, object]:
    """The same pod by another name, as nobody has placed it yet."""
    given = json.loads(json.dumps(pod))
    metadata = given["metadata"]
    kept = {key: metadata[key] for key in ("namespace", "labels", "annotations") if key in metadata}
    spec = {key: value for key, value in given["spec"].items() if key not in {"nodeName", "priority"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": kept | {"name": "rehearsed"}, "spec": spec}


def bad_pods(good: Mapping[str, object]) -> Iterator[Bad]:
    """The pod with each image that may not run."""
    spec = json.loads(json.dumps(good))["spec"]
    repository, _, digest = spec["containers"][0]["image"].partition("@")
    for what, rule, image in (
        ("an image by tag", "k8s-image-digest", f"{repository}:latest"),
        ("an image of no bill", "k8s-image-in-bill", f"{repository}@{_OTHER}"),
        ("an image of another registry", "k8s-image-registry", f"registry.example/agent@{digest}"),
    ):
        changed = copy.deepcopy(spec)
        changed["containers"][0]["image"] = image
        yield Bad(what=what, rule=rule, made={**good, "spec": changed})


def bad_service(namespace: str) -> Bad:
    """A Service on a port of every node."""
    metadata = {"name": "rehearsed", "namespace": namespace}
    spec = {"type": "NodePort", "ports": [{"port": 80}]}
    made = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return Bad(what="a node port", rule="k8s-service-exposure", made=made)


def _said(cluster: Cluster, *command: str) -> str:
    try:
        cluster.do(*command)
    except UserError as error:
        return error.what
    return ""
