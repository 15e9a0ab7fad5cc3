"""Run the operator: `python -m domains_operator [SETTINGS]`.

Exit codes: 0 told to stop, 1 no longer leads, 2 cannot start as it is set up.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from kubernetes import config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from prometheus_client import start_http_server

from domains_operator import authorities, logs, metrics, publishing, resolving, server
from domains_operator.cluster import Cluster
from domains_operator.leading import Leader
from domains_operator.settings import Settings, StartError, read
from domains_operator.watching import Watch
from domains_operator.zones import ZoneFolder

LEASE = "domains-operator"
_LEASE_SECONDS, _RENEW_SECONDS, _RETRY_SECONDS = 15, 10, 2
_RENDER_SECONDS = 10
log = logging.getLogger("domains")


def main(arguments: list[str]) -> int:
    """Serve zones and challenges; lead when it is this replica's turn."""
    logs.configure()
    try:
        settings = read(Path(arguments[0] if arguments else "/etc/domains/settings.json"))
    except StartError as error:
        log.error("cannot start: %s", error)
        return 2
    # In a pod, the pod's own account; beside a cluster, as in tests, the kubeconfig that KUBECONFIG names.
    (config.load_incluster_config if "KUBERNETES_SERVICE_HOST" in os.environ else config.load_kube_config)()
    Replica(settings).run()
    return 1


class Replica:
    """What every replica does: keep the zone server's files, answer challenges, be there to lead."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = Cluster(settings.namespace, settings.gateway_namespace)
        self._changed = threading.Event()
        self._leader: Leader | None = None
        self._watch = Watch(settings.namespace, self._on_change)
        self._folder = ZoneFolder(settings)

    def run(self) -> None:
        """Until leading is lost, or the process is told to stop."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        self._watch.start()
        threading.Thread(target=self._render, name="zones", daemon=True).start()
        server.serve(self._settings.host, self._settings.port, self._is_ready, self._challenge)
        start_http_server(self._settings.metrics_port, self._settings.host or "0.0.0.0")  # noqa: S104 – in the pod
        lock = LeaseLock(LEASE, self._settings.namespace, f"{socket.gethostname()}-{os.getpid()}")
        election = electionconfig.Config(
            lock, _LEASE_SECONDS, _RENEW_SECONDS, _RETRY_SECONDS, self._lead, lambda: log.error("no longer leads")
        )
        leaderelection.LeaderElection(election).run()

    def _lead(self) -> None:
        log.info("leads")
        metrics.LEADS.set(1)
        publisher = publishing.Publisher(self._settings, self._cluster)
        publisher.clear()
        issuers = authorities.issuers(self._settings, self._cluster, publisher.publish)
        key = authorities.proof_key(self._cluster)
        self._leader = Leader(self._settings, self._cluster, issuers, key, self._watch.domains)
        self._leader.run()

    def _render(self) -> None:
        while True:
            self._changed.clear()
            try:
                content = publishing.content(self._settings, self._watch.domains(), self._watch.challenges())
                if self._folder.write(content):
                    log.info("zones written: %s", self._folder.serials())
            except Exception:
                log.exception("zones cannot be written")
            self._changed.wait(_RENDER_SECONDS)

    def _on_change(self) -> None:
        self._changed.set()
        if self._leader is not None:
            self._leader.wake.set()

    def _is_ready(self) -> bool:
        """Whether our own zone server serves every zone as it was written last, or newer."""
        serials = self._folder.serials()
        if not serials:
            return False
        have = {zone: resolving.serial(self._settings.own_server, zone) for zone in serials}
        return all((have[zone] or 0) >= serial for zone, serial in serials.items())

    def _challenge(self, token: str) -> str | None:
        return publishing.http_challenge(self._watch.challenges(), token)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
