"""The whole gate of policies on what is up: pack, admission's rules, checkov."""

from __future__ import annotations

import json

import pytest

from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

# A stage that looked at nothing is inconclusive.
STAGES = ("pack", "admission", "checkov", "exceptions")
STOPS = ("critical", "high")


def test_what_is_up_passes_with_nothing_high_in_it() -> None:
    told = json.loads(succeeded(groundwork("policy", "check", "local", "--json")))
    assert {check["name"]: check["outcome"] for check in told["verdict"]["checks"]} == dict.fromkeys(STAGES, "pass")
    assert [each for each in told["findings"] if each["severity"] in STOPS and not each["excepted"]] == []
