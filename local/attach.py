"""`groundwork attach`, `detach`: which cluster an environment in AWS has, for the verbs of every day.  (docs/aws.md)"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from groundwork.errors import UserError
from local import record
from local.paths import Paths
from local.record import Record, Way


def attach(
    environment: Annotated[
        str, typer.Argument(help="An environment in AWS with EKS, as in Pulumi.<environment>.yaml.")
    ],
    kubeconfig: Annotated[Path, typer.Option(help="Reaches its cluster: `pulumi stack output kubeconfig` writes it.")],
) -> None:
    """Let `mesh root`, `vault`, `key` and `domain` work on an environment that Pulumi made in AWS. Changes no cluster.

    Example:
      groundwork attach prod --kubeconfig prod.kubeconfig
    """
    made = attached(environment, kubeconfig, Paths.for_user())
    print(f"{made.stack}: {made.kubeconfig}")


def detach() -> None:
    """Forget the environment in AWS that was attached. It stays as it is, and so does what this machine keeps of it.

    Example:
      groundwork detach
    """
    print(f"forgotten: {detached(Paths.for_user()).stack}")


def attached(environment: str, kubeconfig: Path, paths: Paths) -> Record:
    """Remember an environment's cluster. Raises UserError: it has none, or another environment is up here."""
    from stacks.preflight import check

    aws = check(environment).aws
    if aws is None or aws.cluster.kind != "eks":
        raise UserError(
            what=f"{environment!r} is not in AWS with EKS",
            where=f"Pulumi.{environment}.yaml",
            allowed="an environment with groundwork:aws and cluster.kind eks",
            fix=f"a cluster of yours: groundwork up {environment} --kubeconfig {kubeconfig}" if aws is None else None,
        )
    if not kubeconfig.is_file():
        raise UserError(what="no such kubeconfig", where=str(kubeconfig), fix="name a file that exists")
    made = Record(way=Way.KUBECONFIG, stack=environment, kubeconfig=kubeconfig.resolve())
    earlier = record.read(paths)
    if earlier not in {None, made}:
        assert earlier is not None  # noqa: S101 - as said above
        fix = "groundwork detach" if _in_aws(earlier) else "groundwork down"
        raise UserError(what=f"{earlier.stack!r} is up here ({earlier.kubeconfig})", fix=f"run: {fix}")
    record.write(paths, made)
    return made


def detached(paths: Paths) -> Record:
    """Forget it. Raises UserError where what is up is no environment in AWS."""
    made = record.require(paths)
    if not _in_aws(made):
        raise UserError(what=f"{made.stack!r} was not attached: `groundwork up` made it", fix="run: groundwork down")
    record.forget(paths)
    return made


def refuse_attached(made: Record | None) -> None:
    """Raise UserError where `down` would mean an environment in AWS, which it has not made."""
    if made is not None and made.way is Way.KUBECONFIG and _in_aws(made):
        raise UserError(
            what=f"{made.stack!r} is in AWS, and was attached only",
            fix=f"groundwork detach; to take it away: pulumi destroy --stack {made.stack} (docs/aws.md)",
        )


def _in_aws(made: Record) -> bool:
    from stacks.preflight import is_in_aws

    return is_in_aws(made.stack)
