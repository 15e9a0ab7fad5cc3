"""What somebody changed by hand is told, and only that."""

from __future__ import annotations

import json

import pytest

from groundwork.errors import ExitCode
from local.cluster import Cluster
from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.usefixtures("environment")]

PODS = '{"spec": {"hard": {"pods": "7"}}}'


def test_what_is_changed_by_hand_is_named_and_mended_by_up(cluster: Cluster) -> None:
    assert differing(succeeded(groundwork("drift", "local", "--json"))) == {}
    cluster.do("patch", "resourcequota", "tenant", "-n", "acme", "--type", "merge", "-p", PODS)
    try:
        told = groundwork("drift", "local", "--json")
        assert told.returncode == ExitCode.FAIL, told.stderr
        [(stack, [what])] = differing(told.stdout).items()
        assert stack == "local.acme"
        assert what.startswith("ResourceQuota ")
        assert "spec" in what
    finally:
        succeeded(groundwork("up", "local.acme"))
    assert differing(succeeded(groundwork("drift", "local", "--json"))) == {}


def differing(output: str) -> dict[str, list[str]]:
    """Stack → what differs, of those in which anything does."""
    stacks = json.loads(output)
    assert len(stacks) >= 3, "the environment, its layers and its tenants"
    return {each["stack"]: each["differs"] for each in stacks if each["differs"]}
