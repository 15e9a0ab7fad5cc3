"""A bill that is to take another's place: whose version a tenant's agents are meanwhile, and who gets the requests.

Nobody writes this setting by hand: `groundwork promote` does, in the work tree of the bill that it applies.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.documents import StrictModel


class Rollout(StrictModel):
    """`percent`: what the candidates get of the requests from outside.

    `checkout`, `images`: of the bill that serves: its tenants' folders, and its images by digest. `replaced`: the
    agents are what their candidates are already, or are becoming it.
    """

    percent: Annotated[int, Field(ge=0, le=100)]
    checkout: str
    images: dict[str, str]
    replaced: bool = False
