"""The kernel takes every table and every difference that the planner can write, and ends up with what was planned."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings

from local.node_agent.plan import Cluster, plan
from local.node_agent.table import change, removal, replacement
from tests.local.node_agent.samples import clusters

pytestmark = pytest.mark.cluster

EXAMPLES = 25


def kernel_after(*scripts: str) -> list[str]:
    """The words of a fresh network namespace's ruleset, sorted, after the scripts: each is one transaction."""
    steps = [f"nft -f - <<'END'\n{script}END" for script in scripts]
    shell = "\n".join(["set -e", *steps, "nft list ruleset"])
    done = subprocess.run(["unshare", "--net", "sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(word for line in done.stdout.splitlines() for word in line.replace(",", " ").split())


@settings(max_examples=EXAMPLES)
@given(clusters(), clusters())
def test_a_difference_leads_where_the_whole_does(first: Cluster, second: Cluster) -> None:
    before, after = plan(first), plan(second)
    assert kernel_after(replacement(before), change(before, after)) == kernel_after(replacement(after))


@settings(max_examples=EXAMPLES)
@given(clusters())
def test_nothing_is_left_of_it(found: Cluster) -> None:
    assert kernel_after(replacement(plan(found)), removal()) == []
    assert kernel_after(removal()) == []
