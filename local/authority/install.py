"""The mesh's root for the environment that is coming up."""

from __future__ import annotations

import datetime as dt

from groundwork.console import Progress
from local.authority.mesh import MeshTrust
from local.authority.rotation import Between, ensure, through
from local.authority.vault import Vault
from local.cluster import Cluster
from local.paths import Paths


def vault_of(paths: Paths) -> Vault:
    """Where this user's roots are."""
    return Vault(folder=paths.data / "mesh-root")


def between(cluster: Cluster, paths: Paths, progress: Progress) -> Between:
    """OpenBao of this cluster, where there is one."""
    from local.secrets.issuing import OpenBaoBetween

    return OpenBaoBetween(cluster=cluster, folder=paths.openbao, say=progress.say)


def install(cluster: Cluster, paths: Paths, progress: Progress) -> None:
    """Have an intermediate of the root in the cluster, before istiod starts. Raises UserError."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with progress.step("The mesh's root of trust") as step:
        mesh = MeshTrust(cluster=cluster)
        made = ensure(vault_of(paths), mesh, now, between(cluster, paths, progress))
        step.update(f"intermediate written, of {through(mesh.secret() or {})}" if made else "nothing changed")
