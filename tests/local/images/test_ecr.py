"""The registry of an environment in AWS: its own account's, with credentials that only we can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from moto import mock_aws

from groundwork.errors import UserError
from local.images.ecr import destination
from local.paths import CHECKOUT
from stacks.settings import from_file
from tests.command import copy_of_checkout

MOTO_ACCOUNT = "123456789012"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.mark.usefixtures("credentials")
def test_it_is_the_account_s_own(tmp_path: Path) -> None:
    checkout = copy_of_checkout(tmp_path)
    file = checkout / "Pulumi.prod.yaml"
    aws = from_file(file).aws
    assert aws is not None
    file.write_text(file.read_text().replace(aws.account, MOTO_ACCOUNT))
    with mock_aws(), destination("prod", None, checkout) as (where, registries):
        assert where == f"{MOTO_ACCOUNT}.dkr.ecr.{aws.region}.amazonaws.com/groundwork"
        kept = registries.authfile
        assert kept is not None
        assert kept.stat().st_mode & 0o777 == 0o600
        assert list(json.loads(kept.read_text())["auths"]) == [where.removesuffix("/groundwork")]
    assert not kept.exists()


@pytest.mark.usefixtures("credentials")
def test_credentials_of_another_account_are_refused() -> None:
    with (
        mock_aws(),
        pytest.raises(UserError, match=f"these credentials are of account {MOTO_ACCOUNT}"),
        destination("dev", None, CHECKOUT),
    ):
        pass


def test_an_environment_that_is_not_in_aws_has_none() -> None:
    with pytest.raises(UserError, match="local is not in AWS"), destination("local", None, CHECKOUT):
        pass


def test_another_registry_is_taken_as_it_is_named() -> None:
    with destination(None, "127.0.0.1:5000/groundwork/", CHECKOUT) as (where, registries):
        assert where == "127.0.0.1:5000/groundwork"
        assert registries.authfile is None
