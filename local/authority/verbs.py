"""`groundwork mesh root`: init, show, renew, rotate."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import progress
from local import record
from local.paths import Paths

if TYPE_CHECKING:
    from local.authority.mesh import MeshTrust
    from local.authority.rotation import Between
    from local.authority.vault import Vault

app = typer.Typer(name="mesh", help="The service mesh.", no_args_is_help=True)
root = typer.Typer(help="The mesh's root of trust, which is kept off the cluster.", no_args_is_help=True)
app.add_typer(root, name="root")
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@root.command()
def init() -> None:
    """Make the root, if there is none, and give the cluster that is up an intermediate of it. `up` does it by itself.

    Example:
      groundwork mesh root init
    """
    from local.authority.rotation import ensure

    changed = ensure(_vault(), _mesh(), _now(), _between())
    print("written" if changed else "nothing to do: the cluster's intermediate is the root's, and has time left")


@root.command()
def renew() -> None:
    """Give the mesh another intermediate now: OpenBao's where it serves, otherwise the root's. No traffic is dropped.

    Example:
      groundwork mesh root renew
    """
    from local.authority.rotation import ensure, through

    mesh = _mesh()
    ensure(_vault(), mesh, _now(), _between(), renew=True)
    print(f"signed by {through(mesh.secret() or {})}")


@root.command()
def show(json_: Json = False) -> None:
    """Show the roots, which of them signs, and how far a rotation is.

    Example:
      groundwork mesh root show --json
    """
    from local.authority.certificates import fingerprint, path_length

    vault = _vault()
    state = vault.state()
    rows = []
    for id_ in state.trusted:
        certificate = vault.root(id_).parsed()
        ends = certificate.not_valid_after_utc
        rows.append(
            {
                "id": id_,
                "sha256": fingerprint(certificate),
                "signs": id_ == state.signer,
                "ends": ends.isoformat(),
                "daysLeft": (ends - _now()).days,
                "pathLength": path_length(certificate),
            }
        )
    if json_:
        print(json.dumps({"phase": state.phase, "roots": rows}, indent=2))
        return
    print(f"{state.phase}: {state.phase.meaning}")
    for row in rows:
        signs = "signs" if row["signs"] else "trusted"
        until = f"{row['daysLeft']} days left, until {row['ends']}"
        print(f"  {row['id']}  {signs:8}  {until}, path length {row['pathLength']}")


@root.command()
def rotate() -> None:
    """Bring a new root into the mesh and take the old one out, in phases that drop no traffic.

    Goes as far as it can: where pods still hold certificates of the old root, it says which, and goes on when it is
    run again.

    Example:
      groundwork mesh root rotate
    """
    from local.authority import rotation

    state = rotation.rotate(_vault(), _mesh(), progress(), _now(), _between())
    print(f"{state.phase}: {state.phase.meaning}")


def _vault() -> Vault:
    from local.authority.install import vault_of

    return vault_of(Paths.for_user())


def _mesh() -> MeshTrust:
    from local.authority.mesh import MeshTrust
    from local.up import cluster_of

    paths = Paths.for_user()
    return MeshTrust(cluster=cluster_of(record.require(paths), paths))


def _between() -> Between:
    from local.authority.install import between
    from local.up import cluster_of

    paths = Paths.for_user()
    return between(cluster_of(record.require(paths), paths), paths, progress())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)
