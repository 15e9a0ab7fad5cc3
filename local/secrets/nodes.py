"""What is done to all of OpenBao's nodes."""

from __future__ import annotations

import re
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


def seal_all(reach: Reach) -> None:
    """Seal the active node, and with it all that it serves. Raises UserError."""
    with reach.any() as api:
        reach.operator(api).write("sys/seal")


def unseal_all(reach: Reach, shares: Shares, pods: Sequence[str]) -> list[tuple[str, bool]]:
    """Unseal each of these nodes; a node that is new joins the others first. Gives whether each was sealed.

    Raises UserError for one of an earlier version than serves.
    """
    serving = [version for pod in (reach.pods() if pods else []) if (version := serves(reach, pod)) is not None]
    newest = max(serving, key=numbers, default=None)
    done = [(pod, _open(reach, shares, pod, newest)) for pod in pods]
    # Only now: where all were sealed, none is active before a majority is unsealed.
    for pod, opened in done:
        if opened:
            with reach.node(pod) as api:
                wait_active(api)
    return done


def numbers(version: str) -> tuple[int, ...]:
    """What a version is compared by: `1.20.1+ent` is (1, 20, 1)."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[-+]", version)[0])))


def refuse_earlier(pod: str, found: str, newest: str) -> None:
    """Raise UserError for a node of an earlier version. While it is sealed it has changed nothing of its data."""
    if numbers(found) < numbers(newest):
        raise UserError(
            what=f"{pod} is of version {found}, the others are or were of {newest}: it does not go back",
            where=f"{pod} is left sealed",
            fix="name the image of the later version again, up, then groundwork vault upgrade",
            code=ExitCode.ERROR,
        )


def _open(reach: Reach, shares: Shares, pod: str, newest: str | None) -> bool:
    with reach.node(pod) as api:
        if not wait_until(lambda: seal_of(api).initialized, JOIN_SECONDS):
            raise UserError(
                what=f"{pod} is not initialised, and has not joined others",
                fix="groundwork vault init",
                code=ExitCode.ERROR,
            )
        seal = seal_of(api)
        if seal.sealed and newest is not None:
            refuse_earlier(pod, seal.version, newest)
        return unseal(api, shares)
