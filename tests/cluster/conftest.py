"""What tests of the running environment share."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cluster import Cluster
from tests.cluster.node import SETTINGS, tools
from tests.command import have_up

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the bare node come last: they take the environment away, which would be made anew for others."""
    items.sort(key=lambda item: item.path.name.startswith("test_node_") and item.path.parent == HERE)


@pytest.fixture(scope="module")
def environment() -> None:
    """The environment `local` is up with everything available, whatever the module before did to the node."""
    have_up()


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """The node of this machine, as its administrator."""
    return Cluster(kubectl=tools().path("kubectl"), kubeconfig=SETTINGS.kubeconfig)
