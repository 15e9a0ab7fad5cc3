"""What a layer needs done beside its stack: before the engine makes it, and once it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from groundwork.console import Progress
from local.cluster import Cluster
from local.paths import Paths
from local.record import Record, Way

if TYPE_CHECKING:
    from local.secrets.install import Place
    from stacks.settings import Settings

SECRETS, ADMISSION = "secrets", "admission"


class Layers:
    """The layers that an environment's settings choose, on the cluster that is up. On a simulated node nothing runs,
    so that there is nothing to do."""

    def __init__(self, settings: Settings, made: Record, cluster: Cluster, paths: Paths, progress: Progress) -> None:
        self._settings, self._made, self._progress = settings, made, progress
        self._cluster, self._paths = cluster, paths

    def prepare(self, layers: Sequence[str]) -> None:
        """Before their stacks. Raises UserError."""
        if SECRETS in layers:
            from local.secrets.install import prepare

            prepare(self._place(), self._made.way, self._progress)

    def settle(self, layers: Sequence[str], tenants: Sequence[str]) -> None:
        """Once they run, and before the tenants' stacks. Raises UserError."""
        if SECRETS in layers and self._made.way is not Way.SIMULATED:
            from local.secrets.install import settle

            settle(self._place(), tenants, self._progress)

    def bring(self, tenants: Sequence[str]) -> None:
        """Before the stacks of tenants that are brought up alone. Raises UserError."""
        if tenants and SECRETS in self._settings.layers and self._made.way is not Way.SIMULATED:
            from local.secrets.install import bring_tenants

            bring_tenants(self._place(), tenants, self._progress)

    def allow(self) -> None:
        """Once tenants' stacks are there, whose hosts the gateway serves. Raises UserError."""
        if SECRETS in self._settings.layers and self._made.way is not Way.SIMULATED:
            from local.secrets.install import allow_hosts

            allow_hosts(self._place())

    def leave(self, tenants: Sequence[str]) -> None:
        """After the stacks of tenants that are deleted. Raises UserError."""
        if tenants and SECRETS in self._settings.layers and self._made.way is not Way.SIMULATED:
            from local.secrets.install import forget_tenants

            forget_tenants(self._place(), tenants, self._progress)

    def _place(self) -> Place:
        from local.secrets.install import Place

        return Place.of(self._settings, self._cluster, self._paths)
