"""The stages in which one bill takes another's place while it is asked, and those of the way back.  (docs/promotion.md)

Each stage is one run of the engine, and can be run again. Nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What of an environment a run of the engine is about. `platform`: what all tenants share, its layers too."""

    ALL = "all"
    PLATFORM = "platform"
    TENANTS = "tenants"
    ROUTES = "routes"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One run of the engine, from the work tree of the new bill.

    `percent`: what the new bill's agents get of the requests while they stand beside those that serve; None: they do
    not stand beside them. `replaced`: those that serve become the new bill's. `analysed`: what callers notice now
    decides whether it goes on. `settled`: it is over only when every gateway knows the routes.
    """

    part: Part
    percent: int | None = None
    replaced: bool = False
    analysed: bool = False
    settled: bool = False

    def __str__(self) -> str:
        if self.percent is None:
            return {Part.PLATFORM: "platform", Part.ROUTES: "no request to candidates"}.get(
                self.part, "this bill alone"
            )
        return f"{self.percent} % to the candidates" + (", the agents replaced" if self.replaced else "")


def forward(percents: Sequence[int]) -> tuple[Stage, ...]:
    """From one bill to another: the candidates first come up without a request, then get more and more of them.

    Once they have all, the agents are replaced behind their back and take over; the candidates go. `percents`: the
    shares at which it is looked at what callers notice; all requests come after the last of them.
    """
    shares = [percent for percent in percents if percent < 100]
    return (
        Stage(part=Part.PLATFORM),
        Stage(part=Part.TENANTS, percent=0),
        *(Stage(part=Part.ROUTES, percent=percent, analysed=True, settled=True) for percent in (*shares, 100)),
        Stage(part=Part.TENANTS, percent=100, replaced=True),
        Stage(part=Part.ROUTES, percent=0, replaced=True, analysed=True, settled=True),
        Stage(part=Part.TENANTS),
    )


# From wherever it was: the requests first, at once; then everything else. From the work tree of the bill that stays.
BACK = (Stage(part=Part.ROUTES, settled=True), Stage(part=Part.ALL))
