"""The agent: follows the cluster and keeps the kernel's rules and the Services' addresses as they should be."""

from __future__ import annotations

import datetime as dt
import http.client
import logging
import threading
import time
from dataclasses import dataclass, field

from local.node_agent import host_ports
from local.node_agent.announcements import Announcements
from local.node_agent.api import ApiError, Server
from local.node_agent.balancer import Assignment, assign
from local.node_agent.kernel import Enforcer, NftError
from local.node_agent.objects import Namespace, NetworkPolicy, Object, Pod, Service
from local.node_agent.plan import Cluster, NodePart, plan
from local.node_agent.store import Changes, Collection

log = logging.getLogger(__name__)
CHECK_SECONDS = 30.0
RETRY_SECONDS = 5.0
REST_SECONDS = 2.0
NAME = "groundwork-node-agent"


@dataclass(kw_only=True)
class Agent:
    """One node's agent. `bridge`: the link of its pods; `parts`: what of the cluster runs as the node's processes."""

    server: Server
    enforcer: Enforcer
    bridge: str
    parts: tuple[NodePart, ...] = ()
    changes: Changes = field(default_factory=Changes)
    ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.namespaces = Collection(Namespace, "/api/v1/namespaces", self.changes)
        self.pods = Collection(Pod, "/api/v1/pods", self.changes)
        self.policies = Collection(NetworkPolicy, "/apis/networking.k8s.io/v1/networkpolicies", self.changes)
        self.services = Collection(Service, "/api/v1/services", self.changes)
        self.announcements = Announcements(self.changes)
        self._told: dict[str, str] = {}

    def run(self) -> None:
        """For ever."""
        collections = (self.namespaces, self.pods, self.policies, self.services)
        for collection in collections:
            threading.Thread(target=collection.follow, args=(self.server,), daemon=True).start()
        pending = False
        while True:
            told = self.changes.wait(RETRY_SECONDS if pending else CHECK_SECONDS)
            if all(collection.is_synced for collection in collections):
                if not told:  # with a change at hand, `apply` finds out by itself
                    self.enforcer.check()
                started = time.monotonic()
                pending = not (self.enforce() and self.balance())
                # Where much changes at once, a fifth of the time is enough for the rounds, however long they get.
                self.changes.rest(min(REST_SECONDS, 4 * (time.monotonic() - started)))

    def enforce(self) -> bool:
        """Put the policies into force; false when the kernel refused, and what was in force stays."""
        cluster = Cluster(
            bridge=self.bridge,
            namespaces=self.namespaces.objects(),
            pods=self.pods.objects(),
            policies=self.policies.objects(),
            parts=self.parts,
            announced=self.announcements.current(),
        )
        try:
            self.enforcer.apply(plan(cluster))
        except NftError as error:
            log.error("rules were refused: %s", error)
            return False
        placed = {address: pod.metadata.uid for address, pod in cluster.placed.items()}
        self.announcements.settle(placed, (pod.metadata.uid for pod in cluster.pods))
        self.ready.set()
        return True

    def balance(self) -> bool:
        """Give Services their address; false when one has to wait or the server could not be told."""
        assignments = assign(self.services.objects(), host_ports.taken)
        waiting = {row.service.metadata.uid: row.reason for row in assignments if row.reason}
        try:
            for row in assignments:
                if row.is_due:
                    self._write_status(row)
                if row.reason and self._told.get(row.service.metadata.uid) != row.reason:
                    self._tell(row.service, row.reason)
        except (ApiError, OSError, http.client.HTTPException) as error:
            log.warning("a Service's status could not be written: %s", error)
            return False
        self._told = waiting
        return not waiting

    def _write_status(self, row: Assignment) -> None:
        ingress = [{"ip": address, "ipMode": "VIP"} for address in row.addresses]
        path = f"{_path(row.service)}/status"
        body = {"status": {"loadBalancer": {"ingress": ingress}}}
        try:
            self.server.request("PATCH", path, body, "application/merge-patch+json")
        except ApiError as error:
            if error.status != 404:  # it is gone by now
                raise

    def _tell(self, service: Service, reason: str) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        meta = service.metadata
        event: dict[str, object] = {
            "metadata": {"generateName": f"{meta.name}.", "namespace": meta.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Service",
                "name": meta.name,
                "namespace": meta.namespace,
                "uid": meta.uid,
            },
            "type": "Warning",
            "reason": "PortNotAvailable",
            "message": reason,
            "source": {"component": NAME},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self.server.request("POST", f"/api/v1/namespaces/{meta.namespace}/events", event)


def _path(item: Object) -> str:
    return f"/api/v1/namespaces/{item.metadata.namespace}/services/{item.metadata.name}"
