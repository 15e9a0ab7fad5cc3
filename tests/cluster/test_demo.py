"""The demo on the node: the chapter that a gate stops before anything is applied."""

from __future__ import annotations

import json

import pytest

from groundwork.verdict import Outcome
from local.cluster import Cluster
from local.paths import Paths
from promotion.demo.scene import TENANTS, folder
from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.usefixtures("environment")]


def test_a_bad_image_is_stopped_and_nothing_stays(cluster: Cluster) -> None:
    told = json.loads(succeeded(groundwork("demo", "--only", "image", "--json")))
    assert told["outcome"] == Outcome.PASS
    ends = {step["name"]: step["measured"] for step in told["steps"]}
    assert ends["image: into dev, approved by bob"] == "refused by policy"
    for tenant in TENANTS:
        assert cluster.get("namespace", tenant) is None
    assert not folder(Paths.for_user()).exists()
