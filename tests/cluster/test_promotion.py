"""One bill takes another's place on the node while callers ask, and the first comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.mesh.names import service_host
from local.cluster import Cluster
from promotion.machine import State
from tests.cluster.moving import here, without_times

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.usefixtures("environment")]

# Another way to the same agent: none of what is shared out, and there all the time.
STRANGER = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "stranger", "namespace": "acme"},
    "spec": {
        "hosts": ["stranger.acme.groundwork.test"],
        "gateways": ["groundwork-gateway/public"],
        "http": [{"route": [{"destination": {"host": service_host("concierge", "acme")}}]}],
    },
}


def test_a_bill_takes_anothers_place_and_the_first_is_back_with_no_failed_request(
    tmp_path: Path, cluster: Cluster
) -> None:
    cluster.apply(STRANGER)
    try:
        with here(tmp_path, without_times(tmp_path)) as made:
            moved, load = made.promote(made.changed())
            assert moved.state is State.PROMOTED, moved.verdict
            assert "50 % to the candidates" in made.stages()
            assert load.all.requests
            assert load.all.errors == {}
            back, load, took = made.back()
            assert (back.state, back.bill) == (State.PROMOTED, made.first)
            assert load.all.requests > took * 5
            assert load.all.errors == {}
    finally:
        cluster.delete("virtualservices.networking.istio.io", "stranger", "acme")
