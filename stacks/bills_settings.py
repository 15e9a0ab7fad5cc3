"""What stands under `bills:` in an environment's settings: which signed bills its images are from.

`groundwork promote` writes this setting, in the work tree of the bill that it applies, or `groundwork bill pin`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.documents import StrictModel


class SignedBill(StrictModel):
    """A bill of materials as it was signed: see promotion/signing.py."""

    kind: str
    by: str
    body: str
    signature: str


class BillsSettings(StrictModel):
    """`signed`: the bill that is wanted and, while it takes another's place, the one that serves.

    `principals`: the file that says who may sign one. Not the bill's own commit's: who signed may be known since only.
    """

    signed: Annotated[tuple[SignedBill, ...], Field(min_length=1)]
    principals: str
