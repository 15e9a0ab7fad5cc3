"""The layer `secrets` comes up by itself: what is there before its stack, and what is done once its servers run."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.data import names as data
from components.secrets.names import NAMESPACE, OPENBAO, TLS_SECRET
from components.secrets.server import names as served_names
from groundwork.console import Progress, Step
from groundwork.errors import UserError
from local.authority.install import vault_of
from local.cluster import Cluster
from local.paths import Paths
from local.record import Way
from local.secrets import configure, issuing, pki, tls
from local.secrets.api import Api
from local.secrets.configure import Database
from local.secrets.life import initialise, root, seal_of, unseal, wait_active
from local.secrets.nodes import unseal_all
from local.secrets.reach import Reach
from local.secrets.shares import Shares
from stacks.secrets_settings import SecretsSettings

if TYPE_CHECKING:
    from stacks.settings import Settings

USER = 65532
_ADMINISTRATOR = "openbao"


@dataclass(frozen=True, kw_only=True)
class Place:
    """OpenBao of the environment that is up, as this machine keeps and reaches it.

    `domain`: the environment's own zone. `tenants`: those that its settings list. `named`: a file for each share.
    """

    cluster: Cluster
    paths: Paths
    settings: SecretsSettings
    domain: str
    tenants: tuple[str, ...] = ()
    named: tuple[Path, ...] = ()

    @classmethod
    def of(cls, settings: Settings, cluster: Cluster, paths: Paths, named: tuple[Path, ...] = ()) -> Place:
        """That of an environment with these settings."""
        return cls(
            cluster=cluster,
            paths=paths,
            settings=settings.secrets,
            domain=settings.domain,
            tenants=settings.tenants,
            named=named,
        )

    @property
    def folder(self) -> Path:
        """This user's authority, shares and snapshots."""
        return self.paths.openbao

    @property
    def shares(self) -> Shares:
        """Where shares are: in the places that were named, otherwise below this user's folder."""
        wanted = self.settings.shares
        if self.named:
            return Shares(files=self.named, threshold=wanted.threshold)
        return Shares.below(self.folder / "shares", wanted.count, wanted.threshold)

    @property
    def reach(self) -> Reach:
        """The way to its API."""
        authority = tls.Keeper(folder=self.folder).authority(_now()).certificate
        return Reach(cluster=self.cluster, authority=authority, kind=self.settings.kind)


def place_here(named: tuple[Path, ...] = ()) -> Place:
    """OpenBao of the environment that is up. `named`: a file for each share. Raises UserError where none is."""
    from local import record
    from local.paths import CHECKOUT
    from local.up import cluster_of
    from stacks.settings import from_file, settings_file

    paths = Paths.for_user()
    made = record.require(paths)
    return Place.of(from_file(settings_file(made.stack, CHECKOUT)), cluster_of(made, paths), paths, named)


def prepare(place: Place, way: Way, progress: Progress) -> None:
    """Before the layer's stack: certificates, and the node's folders for volumes."""
    place.reach.refuse_another()
    now = _now()
    with progress.step(f"{place.settings.kind.called}'s certificates") as step:
        authority = tls.Keeper(folder=place.folder).authority(now)
        own = [tls.Served(secret=TLS_SECRET, namespace=NAMESPACE, names=served_names(place.settings.replicas))]
        if place.settings.postgres is True:
            hosts = [data.POSTGRES_HOST, f"{data.POSTGRES}.{data.NAMESPACE}.svc", f"{data.POSTGRES}.{data.NAMESPACE}"]
            own.append(tls.Served(secret=data.POSTGRES_TLS, namespace=data.NAMESPACE, names=hosts))
        made = [tls.ensure(place.cluster, authority, each, now) for each in own]
        step.update("written" if any(made) else "nothing changed")
    if way is not Way.KUBECONFIG:
        for folder in _volumes(place):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, parents=True)
                shutil.chown(folder, USER, USER)


def settle(place: Place, tenants: Sequence[str], progress: Progress) -> str:
    """After the layer's stack: initialise, unseal, set up, give the tenants what they need. Quick where all is done.
    Gives what was done.

    Where a person keeps the shares elsewhere, a sealed OpenBao is an error that says what to run.
    """
    with progress.step(place.settings.kind.called) as step:
        reach = place.reach
        reach.refuse_another()
        reach.wait_running()
        first, *others = reach.pods()
        with reach.node(first) as api:
            token = _open(api, place, step)
            opened = [pod for pod, done in unseal_all(reach, place.shares, others) if done]
            wait_active(api)
            asking = None if token else _operator(reach, api)
            if asking is None:
                step.update("set-up by root")
                with root(api, place.shares, token) as by_root:
                    configure.base(by_root)
                    if place.settings.postgres and not configure.has_database(by_root):
                        _database(place, by_root)
                    configure.mark(by_root)
                asking = reach.operator(api)
                configure.tenants(asking, tenants, all_=True)
                did = ["initialised" if token else "set up anew"]
            else:
                done = configure.tenants(asking, tenants)
                did = [*(f"unsealed {pod}" for pod in opened), *(f"set up {tenant}" for tenant in done)]
            if _authority(place, asking, api, progress):
                did.append("signs below the mesh's root")
            said = ", ".join(did) or "nothing changed"
        step.update(said)
    return said


def allow_hosts(place: Place) -> None:
    """After tenants' stacks, which may have brought hosts: the gateway may have certificates for them."""
    hosts = issuing.hosts(place.cluster)
    if hosts:
        issuing.allow(place.reach, hosts)


def bring_tenants(place: Place, tenants: Sequence[str], progress: Progress) -> None:
    """Before a tenant's stack that is brought up alone."""
    with progress.step(place.settings.kind.called) as step:
        reach = place.reach
        with reach.any() as api:
            done = configure.tenants(reach.operator(api), tenants)
        step.update(f"set up {', '.join(done)}" if done else "nothing changed")


def forget_tenants(place: Place, tenants: Sequence[str], progress: Progress) -> None:
    """After a tenant's stack is gone: nothing of it stays in OpenBao, and nothing in the database."""
    with progress.step(place.settings.kind.called) as step:
        reach = place.reach
        with reach.any() as api:
            asking = reach.operator(api)
            for tenant in tenants:
                configure.forget(asking, tenant, database=bool(place.settings.postgres))
        step.update(f"forgot {', '.join(tenants)}")


def remove(paths: Paths) -> None:
    """The node is gone, and its volumes with it: so are shares that open nothing any more (decision 20)."""
    shutil.rmtree(paths.volumes, ignore_errors=True)
    shutil.rmtree(paths.openbao, ignore_errors=True)


def _open(api: Api, place: Place, step: Step) -> str | None:
    """Initialise and unseal; the first root token, where there is one."""
    seal = seal_of(api)
    step.update(seal.word)
    token = initialise(api, place.shares)
    if token is not None or seal.sealed:
        unseal(api, place.shares)
    if token is not None:  # the others join one that is active
        wait_active(api)
    return token


def _authority(place: Place, operator: Api, api: Api, progress: Progress) -> bool:
    """OpenBao signs below the mesh's root; false where it did. A root without room for it is only told."""
    roots = vault_of(place.paths)
    if not roots.exists():
        return False
    # The role first: once OpenBao is told of, here or by a rotation, it is asked.
    pki.allow(operator, issuing.names(place.cluster, place.domain))
    state = roots.state()
    root_ = roots.root(state.signer)
    if not pki.has_room(root_):
        told = pki.no_room(root_)
        progress.say(f"{told.what}. To have it sign: {told.fix}")
        return False
    reach = place.reach
    return issuing.follow(reach, issuing.as_mesh_authority(reach, api), root_, roots.bundle(state), _now())


def _operator(reach: Reach, api: Api) -> Api | None:
    """The operator, where root's part of the set-up is this version's."""
    try:
        asking = reach.operator(api)
        return asking if configure.is_current(asking) else None
    except UserError:  # the way in is not set up yet, or not for this
        return None


def _administrator(place: Place) -> Database:
    """The role that makes the database's users, with a new password: over the server's socket, by standard input."""
    password = secrets.token_urlsafe(32)
    text = f"""
DO $$ BEGIN CREATE ROLE {_ADMINISTRATOR} CREATEROLE LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
ALTER ROLE {_ADMINISTRATOR} PASSWORD '{password}';
GRANT pg_signal_backend TO {_ADMINISTRATOR};
SELECT 'CREATE DATABASE {data.DATABASE} OWNER {_ADMINISTRATOR}'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{data.DATABASE}') \\gexec
REVOKE ALL ON DATABASE {data.DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {data.DATABASE} TO PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
"""  # noqa: S608 – constants, and a password of letters that need no quoting
    _as_superuser(place, text, "postgres")
    return Database(username=_ADMINISTRATOR, password=password)


def _database(place: Place, by_root: Api) -> None:
    """Tell OpenBao of the database, by a role of its own in it."""
    if place.settings.postgres != "rds":
        configure.database(by_root, _administrator(place))
        return
    from local.secrets import rds

    told = rds.Told.by(place.cluster)
    configure.database(by_root, rds.administrator(by_root, told.connection, rds.master(told)), told.connection)


def _as_superuser(place: Place, text: str, database: str) -> None:
    """Over the server's socket, by standard input: what is said stands in no list of processes."""
    command = ["psql", "-h", "/tmp", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-X", database]  # noqa: S108 – in the pod
    place.cluster.execute(f"{data.POSTGRES}-0", data.NAMESPACE, data.POSTGRES, command, stdin=text)


def _volumes(place: Place) -> list[Path]:
    base = place.paths.volumes
    found = [base / OPENBAO / f"{part}-{n}" for n in range(place.settings.replicas) for part in ("data", "audit")]
    return [*found, base / data.POSTGRES / "data-0"] if place.settings.postgres is True else found


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)
