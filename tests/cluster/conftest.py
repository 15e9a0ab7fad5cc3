"""What tests of the running environment share."""

from __future__ import annotations

import pytest

from local.cluster import Cluster
from tests.cluster.node import SETTINGS, tools
from tests.command import have_up


@pytest.fixture(scope="module")
def environment() -> None:
    """The environment `local` is up with everything available, whatever the module before did to the node."""
    have_up()


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """The node of this machine, as its administrator."""
    return Cluster(kubectl=tools().path("kubectl"), kubeconfig=SETTINGS.kubeconfig)
