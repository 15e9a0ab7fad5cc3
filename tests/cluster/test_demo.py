"""The demo on the node, two of its chapters: a gate before anything is applied and one on what runs."""

from __future__ import annotations

import json

import pytest

from groundwork.verdict import Outcome
from local.cluster import Cluster
from local.paths import Paths
from promotion.demo.scene import TENANTS, folder
from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]


def test_a_bad_image_and_a_slow_agent_are_stopped_and_nothing_stays(cluster: Cluster) -> None:
    told = json.loads(succeeded(groundwork("demo", "--only", "image", "--only", "slow", "--json")))
    assert told["outcome"] == Outcome.PASS
    ends = {step["name"]: step["measured"] for step in told["steps"]}
    assert ends["image: into dev, approved by bob"] == "refused by policy"
    assert ends["slow: into dev, approved by bob"] == "promoted"
    assert ends["slow: into staging, approved by bob"] == "refused by load"
    for tenant in TENANTS:
        assert cluster.get("namespace", tenant) is None
    assert not folder(Paths.for_user()).exists()
