"""Which images may run: those of bills whose signatures are verified here.  (docs/admission.md)"""

from __future__ import annotations

from collections.abc import Collection

from groundwork.errors import ExitCode, UserError
from local.paths import CHECKOUT
from promotion.bill import Bill, opened
from promotion.signing import Signed, Trust, Untrusted, read_principals
from stacks.bills_settings import BillsSettings, SignedBill


def images_of(bills: BillsSettings, named: Collection[str]) -> list[str]:
    """The images of all bills, by digest. Raises UserError where one is not signed by an author, or lacks a named one.

    `named`: what the environment is to run, from whatever registry: a copy has the digest of what it is a copy of.
    """
    trust = Trust(read_principals(CHECKOUT / bills.principals))
    listed = {image for signed in bills.signed for image in _verified(trust, signed).images.values()}
    digests = {image.rpartition("@")[2] for image in listed}
    unknown = sorted({image for image in named if image.rpartition("@")[2] not in digests})
    if unknown:
        raise UserError(
            what=f"no signed bill lists {', '.join(unknown)}",
            where="groundwork:images",
            fix="promote a bill that does: groundwork bill create",
            code=ExitCode.FAIL,
        )
    return sorted(listed)


def _verified(trust: Trust, given: SignedBill) -> Bill:
    signed = Signed(kind=given.kind, by=given.by, body=given.body, signature=given.signature)
    try:
        return opened(trust, signed)
    except Untrusted as error:
        what = f"a bill is not to be believed: {error}"
        raise UserError(what=what, where="groundwork:bills", code=ExitCode.FAIL) from None
