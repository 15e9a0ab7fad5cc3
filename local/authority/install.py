"""The mesh's root for the environment that is coming up."""

from __future__ import annotations

import datetime as dt

from groundwork.console import Progress
from local.authority.mesh import MeshTrust
from local.authority.rotation import ensure
from local.authority.vault import Vault
from local.cluster import Cluster
from local.paths import Paths


def vault_of(paths: Paths) -> Vault:
    """Where this user's roots are."""
    return Vault(folder=paths.data / "mesh-root")


def install(cluster: Cluster, paths: Paths, progress: Progress) -> None:
    """Have an intermediate of the root in the cluster, before istiod starts. Raises UserError."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with progress.step("The mesh's root of trust") as step:
        made = ensure(vault_of(paths), MeshTrust(cluster=cluster), now)
        step.update("intermediate written" if made else "nothing changed")
