"""The common reading of an object's status: is it current, and if not, what is it doing."""

from __future__ import annotations

from dataclasses import dataclass

from local.kubernetes_plugin.awaiting.pods import condition
from local.kubernetes_plugin.objects import pluck
from local.plugin.values import Object


@dataclass(frozen=True)
class Status:
    """Whether the object is what its spec asks for, and what it is doing."""

    current: bool
    message: str


def compute(obj: Object) -> Status:
    """Judge an object of any kind by its metadata and status."""
    if pluck(obj, "metadata", "deletionTimestamp"):
        return Status(False, "Resource scheduled for deletion")
    generation, observed = pluck(obj, "metadata", "generation"), pluck(obj, "status", "observedGeneration")
    if observed is not None and observed != generation:
        kind = obj.get("kind")
        return Status(False, f"{kind} generation is {generation}, but latest observed generation is {observed}")
    if obj.get("kind") == "DaemonSet":
        return _daemon_set(obj)
    for kind, message in (("Reconciling", "is reconciling"), ("Stalled", "is stalled")):
        found = condition(obj, kind)
        if found and found.get("status") == "True":
            return Status(False, str(found.get("message") or f"Resource {message}"))
    ready = condition(obj, "Ready")
    if ready and ready.get("status") != "True":
        return Status(False, str(ready.get("message") or ready.get("reason") or "Waiting for readiness"))
    return Status(True, "Resource is current")


def _daemon_set(obj: Object) -> Status:
    status = obj.get("status") or {}
    if "observedGeneration" not in status:
        return Status(False, "Observed generation is missing")
    wanted = int(status.get("desiredNumberScheduled") or 0)
    for field, label in (
        ("currentNumberScheduled", "Current"),
        ("updatedNumberScheduled", "Updated"),
        ("numberAvailable", "Available"),
        ("numberReady", "Ready"),
    ):
        count = int(status.get(field) or 0)
        if count < wanted:
            return Status(False, f"{label}: {count}/{wanted}")
    return Status(True, f"All replicas scheduled as expected. Replicas: {wanted}")
