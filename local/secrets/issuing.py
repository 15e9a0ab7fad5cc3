"""OpenBao between the mesh's root and what it signs, as the cluster that is up reaches it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from components.domains.names import NAMESPACE as DOMAINS
from components.domains.names import OPENBAO_CONFIG
from components.platform.specs import GROUP, Domain
from components.secrets.names import ADDRESS, MESH_AUTHORITY, NAMESPACE, OPENBAO
from groundwork.errors import UserError
from local.authority.certificates import Authority
from local.cluster import Cluster
from local.secrets import pki
from local.secrets.api import Api
from local.secrets.reach import Reach, login
from local.secrets.tls import Keeper

Answer = TypeVar("Answer")
OURS = {"app.kubernetes.io/part-of": "groundwork"}


@dataclass(frozen=True, kw_only=True)
class OpenBaoBetween:
    """`local.authority.rotation.Between`. What cannot be had now is told by `say`, and the root does without.

    `folder`: where this user keeps what is OpenBao's.
    """

    cluster: Cluster
    folder: Path
    say: Callable[[str], None]

    def intermediate(self, root: Authority, now: dt.datetime) -> Authority | None:
        """One that OpenBao signed."""
        return self._asked(lambda asking, _reach: pki.intermediate(asking, root, now))

    def follow(self, root: Authority, bundle: str, now: dt.datetime) -> None:
        """OpenBao's authority becomes one of this root's, and the domains' operator is told."""
        self._asked(lambda asking, reach: follow(reach, asking, root, bundle, now))

    def _asked(self, question: Callable[[Api, Reach], Answer]) -> Answer | None:
        reach = reach_of(self.cluster, self.folder)
        if reach is None:
            return None
        try:
            with reach.any() as api:
                return question(as_mesh_authority(reach, api), reach)
        except UserError as error:
            self.say(f"{error.what}; the mesh's root does without OpenBao")
            return None


def reach_of(cluster: Cluster, folder: Path) -> Reach | None:
    """The way to OpenBao; None where this cluster has none. `folder`: where this user keeps what is OpenBao's."""
    if not cluster.names("pods", NAMESPACE, f"app.kubernetes.io/name={OPENBAO}"):
        return None
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return Reach(cluster=cluster, authority=Keeper(folder=folder).authority(now).certificate)


def as_mesh_authority(reach: Reach, api: Api) -> Api:
    """The same node, asked by who has the mesh's intermediates signed."""
    return login(api, MESH_AUTHORITY, reach.token_of(MESH_AUTHORITY, NAMESPACE))


def follow(reach: Reach, asking: Api, root: Authority, bundle: str, now: dt.datetime) -> bool:
    """`pki.follow`, and the domains' operator is told; False where nothing changed."""
    changed = pki.follow(asking, root, bundle, now)
    return publish(reach, str(pki.authority(asking)), bundle) or changed


def publish(reach: Reach, issuer: str, bundle: str) -> bool:
    """Tell the domains' operator where OpenBao is and who it is, and clients whom to trust; False where it was so."""
    if reach.cluster.get("namespace", DOMAINS) is None:
        return False
    told = {"address": ADDRESS, "ca.crt": reach.authority, "issuer.crt": issuer, "roots.crt": bundle}
    found = reach.cluster.get("configmap", OPENBAO_CONFIG, DOMAINS)
    if found is not None and found.get("data") == told:
        return False
    reach.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": OPENBAO_CONFIG, "namespace": DOMAINS, "labels": OURS},
            "data": told,
        }
    )
    return True


def withdraw(cluster: Cluster) -> None:
    """OpenBao goes: the domains' operator signs by itself again."""
    cluster.delete("configmap", OPENBAO_CONFIG, DOMAINS)


def names(cluster: Cluster, domain: str) -> list[str]:
    """What the gateway may have certificates for: the environment's zone, and every host of a tenant's."""
    return [*pki.of_zone(domain), *hosts(cluster)]


def hosts(cluster: Cluster) -> list[str]:
    """The hosts of all Domains in the cluster, whatever their state: the operator asks for proven ones only."""
    return sorted({_host(each) for each in cluster.items(f"{Domain.plural}.{GROUP}")})


def allow(reach: Reach, add: Iterable[str]) -> None:
    """Let the gateway have certificates for these names too. Raises UserError where OpenBao does not serve."""
    with reach.any() as api:
        asking = reach.operator(api)
        pki.allow(asking, pki.allowed(asking) | set(add))


def allow_host(cluster: Cluster, folder: Path, host: str) -> None:
    """The same for one host; nothing where this cluster has no OpenBao."""
    reach = reach_of(cluster, folder)
    if reach is not None:
        allow(reach, [host])


def _host(found: Mapping[str, object]) -> str:
    return Domain.model_validate(found).spec.host
