"""OpenBao sealed: nobody gets a secret, and who has one keeps it."""

from __future__ import annotations

from components.secrets.names import NAMESPACE
from loadtests.faults import ground
from local.secrets.install import Place, place_here
from local.secrets.life import seal_of
from local.secrets.nodes import seal_all, unseal_all


def seal() -> None:
    """Seal the active node, and with it all that it serves."""
    seal_all(place_here().reach)


def unseal() -> list[str]:
    """Unseal what is sealed, with the shares of this user's folder. Returns which nodes. Raises UserError."""
    place = place_here()
    return [pod for pod, opened in unseal_all(place.reach, place.shares, place.reach.pods()) if opened]


def sealed() -> bool:
    """Whether any node is sealed."""
    return bool(_sealed(place_here()))


def left() -> list[str]:
    """The nodes that are sealed; none where the environment has no OpenBao."""
    if not ground.here().items("statefulsets", NAMESPACE):
        return []
    return [f"{pod} is sealed" for pod in _sealed(place_here())]


def _sealed(place: Place) -> list[str]:
    found = []
    for pod in place.reach.pods():
        with place.reach.node(pod) as api:
            if seal_of(api).sealed:
                found.append(pod)
    return found
