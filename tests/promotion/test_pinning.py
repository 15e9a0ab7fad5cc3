"""Signed bills in the settings of an environment that pulumi applies itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.paths import CHECKOUT
from promotion.pinning import pin_bills
from promotion.record_verbs import locked_images
from stacks.aws_images import SIMULATED, VARIABLE
from stacks.bills_settings import BillsSettings, SignedBill
from stacks.settings import from_file

NAME = "Pulumi.prod.yaml"


def proof(body: str) -> BillsSettings:
    signed = SignedBill(kind="bill", by="alice", body=body, signature="c2lnbmVk")
    return BillsSettings(signed=(signed,), principals="promotion/principals.yaml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(CHECKOUT / NAME, tmp_path / NAME))


def test_a_bill_is_pinned_once_and_the_rest_of_the_file_stays_as_it_was(file: Path) -> None:
    before = file.read_text()
    pin_bills(file, proof('{"one": "#1"}'))
    pin_bills(file, proof('{"two": "\\"quoted\\""}'))
    assert file.read_text().startswith(before)
    assert len(file.read_text().splitlines()) == len(before.splitlines()) + 1
    assert from_file(file).bills == proof('{"two": "\\"quoted\\""}')


def test_bills_in_another_form_are_left_alone(file: Path) -> None:
    file.write_text(f"{file.read_text()}  groundwork:bills:\n    principals: a\n")
    with pytest.raises(UserError, match="is not the one line"):
        pin_bills(file, proof("{}"))


def test_a_bill_for_aws_names_the_locks_images_and_never_simulated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="'local' is not in AWS"):
        locked_images("local")
    monkeypatch.setenv(VARIABLE, SIMULATED)
    with pytest.raises(UserError, match="nobody signs a bill of simulated images"):
        locked_images("prod")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UserError, match="the environment has no images") as caught:
        locked_images("prod")
    assert caught.value.where == "images/lock.yaml"
