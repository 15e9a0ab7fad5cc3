"""Which state machine an object is waited for with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from local.kubernetes_plugin.awaiting.base import Awaiter, Context, check_now, wait
from local.kubernetes_plugin.awaiting.conditions import parse_wait_for
from local.kubernetes_plugin.awaiting.deployment import DeploymentAwaiter
from local.kubernetes_plugin.awaiting.ingress import IngressAwaiter
from local.kubernetes_plugin.awaiting.job import JobAwaiter
from local.kubernetes_plugin.awaiting.pods import LastWords, PodWatch
from local.kubernetes_plugin.awaiting.service import ServiceAwaiter
from local.kubernetes_plugin.awaiting.simple import (
    DaemonSetAwaiter,
    PodAwaiter,
    StatusAwaiter,
    claim_judge,
    generally_ready,
    quota_ready,
    replicas_ready,
    token_ready,
    volume_ready,
)
from local.kubernetes_plugin.awaiting.statefulset import StatefulSetAwaiter
from local.kubernetes_plugin.cluster import Cluster
from local.kubernetes_plugin.errors import ApiError, NotReadyError
from local.kubernetes_plugin.objects import GVK, SKIP_AWAIT, WAIT_FOR, annotation, is_true, name, owned_by, pluck
from local.plugin.values import Object

# Kinds that wait for less than the usual ten minutes, in seconds.
TIMEOUTS: Final = {
    ("", "PersistentVolume"): 300.0,
    ("", "PersistentVolumeClaim"): 300.0,
    ("", "ResourceQuota"): 60.0,
    ("", "Secret"): 5.0,
}
_CONDITION: Final = "timed out waiting for the condition"
_READ_TOO: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "Service", "Ingress"})


def awaiter_for(context: Context, obj: Object, before: Object | None) -> Awaiter | None:
    """The state machine for an object that was just written; None if there is nothing to wait for."""
    gvk = GVK.of(obj)
    words, log = LastWords(context.cluster), context.log
    owned = PodWatch(lambda pod: owned_by(pod, obj), words, obj)
    itself = PodWatch(lambda pod: name(pod) == name(obj), words)
    makers: dict[tuple[str, str], Callable[[], Awaiter]] = {
        ("apps", "Deployment"): lambda: DeploymentAwaiter(obj, before, log, words),
        ("apps", "StatefulSet"): lambda: StatefulSetAwaiter(obj, log, owned),
        ("apps", "DaemonSet"): lambda: DaemonSetAwaiter(obj, log, owned),
        ("batch", "Job"): lambda: JobAwaiter(obj, log, owned),
        ("networking.k8s.io", "Ingress"): lambda: IngressAwaiter(obj, log),
        ("", "Service"): lambda: ServiceAwaiter(obj, log),
        ("", "Pod"): lambda: PodAwaiter(obj, log, itself),
    }
    maker = makers.get((gvk.group, gvk.kind))
    return maker() if maker else _by_status(context, obj, gvk)


def _by_status(context: Context, obj: Object, gvk: GVK) -> Awaiter | None:
    judges = {
        "PersistentVolume": volume_ready,
        "PersistentVolumeClaim": claim_judge(lambda storage_class: _binding_mode(context.cluster, storage_class)),
        "ReplicationController": replicas_ready,
        "ResourceQuota": quota_ready,
    }
    judge = judges.get(gvk.kind) if gvk.group == "" else None
    if gvk.group == "" and gvk.kind == "Secret" and obj.get("type") == "kubernetes.io/service-account-token":
        judge = token_ready
    if judge is None and os.environ.get("PULUMI_K8S_AWAIT_ALL") == "true":
        judge = generally_ready
    return None if judge is None else StatusAwaiter(obj, context.cluster.resource(gvk), context.log, judge)


def _binding_mode(cluster: Cluster, storage_class: str) -> str:
    try:
        found = cluster.request("GET", f"/apis/storage.k8s.io/v1/storageclasses/{storage_class}")
    except ApiError:
        return ""
    return str(pluck(found, "volumeBindingMode") or "")


def await_ready(context: Context, inputs: Object, obj: Object, before: Object | None) -> None:
    """Block until the object is ready, as its kind or its annotations say. Raises `NotReadyError`, `PluginError`."""
    if is_true(inputs, SKIP_AWAIT):
        return
    wait_for = annotation(inputs, WAIT_FOR)
    if not wait_for:
        awaiter = awaiter_for(context, obj, before)
        if awaiter is not None:
            wait(context, awaiter)
        return
    resource = context.cluster.resource(GVK.of(obj))
    custom = StatusAwaiter(obj, resource, context.log, parse_wait_for(wait_for))
    try:
        wait(context, custom)
    except NotReadyError as error:
        if not context.cancelled.is_set():
            raise NotReadyError(_CONDITION, error.obj, []) from None
        raise


def check_ready(context: Context, inputs: Object, obj: Object) -> None:
    """Judge an existing object by the state of this moment. Raises `NotReadyError`."""
    if is_true(inputs, SKIP_AWAIT) or GVK.of(obj).kind not in _READ_TOO or annotation(inputs, WAIT_FOR):
        return
    awaiter = awaiter_for(context, obj, None)
    if isinstance(awaiter, ServiceAwaiter):
        awaiter.settle_now()
    if isinstance(awaiter, IngressAwaiter):
        awaiter.settle_now()
    if awaiter is not None:
        check_now(context, awaiter)
