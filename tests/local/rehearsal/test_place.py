"""Where an environment lives, by its settings."""

from __future__ import annotations

import pytest

from groundwork.errors import UserError
from local.rehearsal.stage import Place


def test_a_place_is_what_the_settings_say_with_every_region_that_something_is_made_in() -> None:
    assert Place.of("prod") == Place(
        "prod",
        "123456789012",
        "eu-west-1",
        eks=True,
        others=("eu-central-1", "us-east-1"),
        tenants=("acme", "globex"),
        layers=("admission", "observability", "secrets"),
    )
    assert Place.of("dev").others == ("us-east-1",)
    assert not Place.of("ecs").eks


def test_an_environment_that_is_not_in_aws_is_refused() -> None:
    with pytest.raises(UserError, match="'local' is not in AWS"):
        Place.of("local")
