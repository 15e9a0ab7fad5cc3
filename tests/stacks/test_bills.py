"""Which images admission lets in: those of bills that somebody signed who may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from groundwork.errors import ExitCode, UserError
from promotion.bill import KIND, Bill
from promotion.signing import Role, Signer
from stacks.bills import images_of
from stacks.bills_settings import BillsSettings, SignedBill
from tests.components.samples import DIGEST
from tests.promotion.made import NOW

OTHER = f"{DIGEST[:-4]}beef"
NOBODY = "is no principal that is known here"


def bill(author: str = "alice", *images: str) -> Bill:
    named = {f"image-{number}": image for number, image in enumerate(images or (DIGEST,))}
    return Bill(
        author=author,
        made=NOW,
        source="0" * 40,
        images=named,
        charts={},
        settings={},
        policies={},
        program={},
        sboms={},
    )


class Signers:
    """`alice` may sign bills, `bob` may not, nobody knows `mallory`."""

    def __init__(self, folder: Path) -> None:
        self.keys = {name: Signer(name, Ed25519PrivateKey.generate()) for name in ("alice", "bob", "mallory")}
        roles = {"alice": [Role.AUTHOR.value], "bob": [Role.APPROVER.value]}
        known = {name: {"publicKey": self.keys[name].public_key, "roles": given} for name, given in roles.items()}
        self.file = folder / "principals.yaml"
        self.file.write_text(yaml.safe_dump({"principals": known}))

    def signed(self, by: str, document: Bill) -> SignedBill:
        return SignedBill.model_validate(self.keys[by].sign(KIND, document).model_dump())

    def settings(self, *signed: SignedBill) -> BillsSettings:
        return BillsSettings(signed=signed, principals=str(self.file))


@pytest.fixture
def signers(tmp_path: Path) -> Signers:
    return Signers(tmp_path)


def refused(bills: BillsSettings, *named: str) -> str:
    with pytest.raises(UserError) as error:
        images_of(bills, named)
    assert error.value.code is ExitCode.FAIL
    return str(error.value)


def test_the_images_of_all_signed_bills_may_run(signers: Signers) -> None:
    both = signers.settings(signers.signed("alice", bill()), signers.signed("alice", bill("alice", OTHER)))
    assert images_of(both, [DIGEST]) == sorted([DIGEST, OTHER])


def test_an_image_that_no_bill_lists_is_refused(signers: Signers) -> None:
    assert f"no signed bill lists {OTHER}" in refused(signers.settings(signers.signed("alice", bill())), DIGEST, OTHER)


def test_a_copy_in_the_environments_registry_is_what_the_bill_lists(signers: Signers) -> None:
    bills = signers.settings(signers.signed("alice", bill()))
    digest = DIGEST.rpartition("@")[2]
    assert images_of(bills, [f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/groundwork/agent@{digest}"]) == [DIGEST]


@pytest.mark.parametrize(("by", "why"), [("mallory", NOBODY), ("bob", "bob may not sign a bill")])
def test_a_bill_that_was_signed_by_somebody_else_is_refused(signers: Signers, by: str, why: str) -> None:
    assert why in refused(signers.settings(signers.signed(by, bill(by))), DIGEST)


def test_one_bill_that_is_not_to_be_believed_spoils_the_other(signers: Signers) -> None:
    good, bad = signers.signed("alice", bill()), signers.signed("mallory", bill("mallory", OTHER))
    assert NOBODY in refused(signers.settings(good, bad), DIGEST)


def test_a_bill_that_was_edited_or_given_another_name_is_refused(signers: Signers) -> None:
    good = signers.signed("alice", bill())
    body = json.dumps({**json.loads(good.body), "images": {"image-0": OTHER}})
    assert "it was changed after signing" in refused(signers.settings(good.model_copy(update={"body": body})), OTHER)
    assert "is a evidence" in refused(signers.settings(good.model_copy(update={"kind": "evidence"})), DIGEST)
    assert "alice signed what bob wrote" in refused(signers.settings(signers.signed("alice", bill("bob"))), DIGEST)
