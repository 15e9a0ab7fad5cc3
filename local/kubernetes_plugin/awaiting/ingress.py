"""An Ingress is ready when its services have endpoints and its controller wrote an address in its status."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from local.kubernetes_plugin.awaiting.service import ENDPOINT_SLICES, SERVICES, SETTLE
from local.kubernetes_plugin.cluster import Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import name, pluck
from local.plugin.host import INFO, WARNING, Log
from local.plugin.values import Object

INGRESSES: Final = Resource("networking.k8s.io", "v1", "ingresses", namespaced=True)
# A rule may name a service that never comes; after this many seconds with no endpoints at all, go on without.
_GRACE: Final = 60.0


class IngressAwaiter:
    """See the module. `clock`: seconds."""

    def __init__(self, obj: Object, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self.obj = obj
        self._log = log
        self._clock = clock
        self._started = clock()
        self._changed: float | None = None
        self._external: set[str] = set()
        self._slices: dict[str, str] = {}
        self._addressed = False
        self._hurried = False
        self._log.status(INFO, "[1/3] Finding a matching service for each Ingress path")

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (INGRESSES, SERVICES, ENDPOINT_SLICES)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        gone = event.type == "DELETED"
        if event.resource == ENDPOINT_SLICES:
            self._changed = self._clock()
            self._slices.pop(name(event.obj), None)
            if not gone:
                service = pluck(event.obj, "metadata", "labels", "kubernetes.io/service-name")
                self._slices[name(event.obj)] = str(service)
        elif event.resource == SERVICES:
            self._external.discard(name(event.obj))
            if not gone and pluck(event.obj, "spec", "type") == "ExternalName":
                self._external.add(name(event.obj))
        elif name(event.obj) == name(self.obj):
            self._addressed = not gone and bool(pluck(event.obj, "status", "loadBalancer", "ingress"))
            self.obj = self.obj if gone else event.obj

    def settle_now(self) -> None:
        """Judge what is there without waiting for it to settle."""
        self._hurried = True

    @property
    def _settled(self) -> bool:
        if self._hurried:
            return True
        since = self._started + _GRACE if self._changed is None else self._changed + SETTLE
        return self._clock() >= since

    def _targets(self) -> Iterator[tuple[str, str]]:
        """Rule and service name of every path that goes to a service."""
        for rule in pluck(self.obj, "spec", "rules") or []:
            for path in pluck(rule, "http", "paths") or []:
                service = pluck(path, "backend", "service", "name")
                if service:
                    yield f"{rule.get('host', '')}{path.get('path', '')}", service

    def _missing(self) -> list[tuple[str, str]]:
        known = self._external | set(self._slices.values())
        return [(rule, service) for rule, service in self._targets() if service not in known]

    def _endpoints_ready(self) -> bool:
        missing = self._missing()
        if missing and not self._settled:
            return False
        for rule, service in missing:
            shown = f'"{rule}"' if rule else '"" (default path)'
            self._log.status(WARNING, f'No matching service found for ingress rule: {shown} -> "{service}"')
        return True

    def ready(self) -> bool:
        """See `Awaiter`."""
        if not self._endpoints_ready():
            return False
        if not self._addressed:
            self._log.status(INFO, "[2/3] Waiting for update of .status.loadBalancer with hostname/IP")
            return False
        self._log.status(INFO, "Ingress initialization complete")
        return True

    def failed(self) -> bool:
        """See `Awaiter`: never, an address may always come."""
        return False

    def report(self) -> None:
        """See `Awaiter`: there is nothing more to say than `ready` does."""

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        found: list[str] = []
        if not self._endpoints_ready():
            found.append("Ingress has at least one rule with an unavailable target endpoint.")
        if not self._addressed:
            found.append(
                "Ingress .status.loadBalancer field was not updated with a hostname/IP address. Is an ingress "
                "controller running that serves its class?"
            )
        return found
