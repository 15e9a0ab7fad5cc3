"""What is done to all of OpenBao's nodes."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.secrets.life import seal_of, unseal, wait_active
from local.secrets.reach import Reach
from local.secrets.shares import Shares

# A new node asks the others every two seconds whether one will have it.
JOIN_SECONDS = 60.0


def serves(reach: Reach, pod: str) -> str | None:
    """The version of a node that answers and is unsealed; None where it does not."""
    try:
        with reach.node(pod) as api:
            seal = seal_of(api)
    except UserError:
        return None
    return None if seal.sealed else seal.version


def unseal_all(reach: Reach, shares: Shares, pods: Sequence[str]) -> list[tuple[str, bool]]:
    """Unseal each of these nodes; a node that is new joins the others first. Gives whether each was sealed."""
    done = [(pod, _open(reach, shares, pod)) for pod in pods]
    # Only now: where all were sealed, none is active before a majority is unsealed.
    for pod, opened in done:
        if opened:
            with reach.node(pod) as api:
                wait_active(api)
    return done


def _open(reach: Reach, shares: Shares, pod: str) -> bool:
    with reach.node(pod) as api:
        if not wait_until(lambda: seal_of(api).initialized, JOIN_SECONDS):
            raise UserError(
                what=f"{pod} is not initialised, and has not joined others",
                fix="groundwork vault init",
                code=ExitCode.ERROR,
            )
        return unseal(api, shares)
