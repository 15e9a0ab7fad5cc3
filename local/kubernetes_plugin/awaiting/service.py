"""A Service is ready when its endpoints have settled and a load balancer, if it asks for one, has an address."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from local.kubernetes_plugin.cluster import Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import name, pluck
from local.plugin.host import INFO, Log
from local.plugin.values import Object

SERVICES: Final = Resource("", "v1", "services", namespaced=True)
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", namespaced=True)
SETTLE: Final = 10.0
_SERVICE_NAME: Final = "kubernetes.io/service-name"


class ServiceAwaiter:
    """See the module. `clock`: seconds; endpoints count once nothing changed for `SETTLE` of them."""

    def __init__(
        self, obj: Object, log: Log, clock: Callable[[], float] = time.monotonic, settle: float = SETTLE
    ) -> None:
        self.obj = obj
        self._log = log
        self._clock = clock
        self._settle = settle
        self._changed: float | None = None
        self._exists = False
        self._slices: dict[str, Object] = {}
        self._log.status(INFO, "[1/3] Finding Pods to direct traffic to")

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (SERVICES, ENDPOINT_SLICES)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if event.resource == SERVICES:
            if name(event.obj) == name(self.obj):
                self._exists = event.type != "DELETED"
                self.obj = event.obj if self._exists else self.obj
        elif pluck(event.obj, "metadata", "labels", _SERVICE_NAME) == name(self.obj):
            self._changed = self._clock()
            if event.type == "DELETED":
                self._slices.pop(name(event.obj), None)
            else:
                self._slices[name(event.obj)] = event.obj

    def settle_now(self) -> None:
        """Judge what is there without waiting for it to settle."""
        self._settle = 0.0

    @property
    def _type(self) -> str:
        return str(pluck(self.obj, "spec", "type") or "ClusterIP")

    @property
    def _without_pods(self) -> bool:
        """Whether no endpoints will be made for it, or none that could be waited for."""
        headless = pluck(self.obj, "spec", "clusterIP") == "None"
        return self._type == "ExternalName" or headless or not pluck(self.obj, "spec", "selector")

    def _has_address(self) -> bool:
        return self._type != "LoadBalancer" or bool(pluck(self.obj, "status", "loadBalancer", "ingress"))

    def _has_endpoints(self) -> bool:
        """No pod that it selects is unready. Who selects nobody waits for nothing; ending pods do not count."""
        endpoints = [endpoint for found in self._slices.values() for endpoint in found.get("endpoints") or []]
        conditions = [endpoint.get("conditions") or {} for endpoint in endpoints]
        here = [condition for condition in conditions if not condition.get("terminating")]
        return bool(self._slices) and all(condition.get("ready") is not False for condition in here)

    def ready(self) -> bool:
        """See `Awaiter`."""
        if self._without_pods:
            return self._exists and self._has_address()
        settled = self._changed is not None and self._clock() - self._changed >= self._settle
        if not (settled and self._exists and self._has_endpoints()):
            return False
        if not self._has_address():
            self._log.status(INFO, "[2/3] Attempting to allocate IP address to Service")
            return False
        self._log.status(INFO, "Service initialization complete")
        return True

    def failed(self) -> bool:
        """See `Awaiter`: never, endpoints may always come."""
        return False

    def report(self) -> None:
        """See `Awaiter`: there is nothing more to say than `ready` does."""

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        found: list[str] = []
        if not self._without_pods and not self._has_endpoints():
            found.append(
                "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not "
                "match labels on any Pods"
            )
        if not self._has_address():
            found.append("Service was not allocated an IP address; does your cloud provider support this?")
        return found
