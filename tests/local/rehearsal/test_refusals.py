"""What is said of an API server that lets in what it should not, or keeps out what it should let in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from groundwork.errors import UserError
from local.cluster import Cluster
from local.rehearsal.refusals import wrong

DIGEST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/simulated/agent@sha256:" + "a" * 64
POD: Mapping[str, object] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "concierge-1", "namespace": "acme", "labels": {"a": "b"}, "uid": "1"},
    "spec": {"nodeName": "general-0", "priority": 0, "containers": [{"name": "agent", "image": DIGEST}]},
    "status": {"phase": "Running"},
}


class Judging(Cluster):
    """A cluster that refuses as Gatekeeper does, but for the rules in `blind`; `closed`: it refuses all."""

    def __init__(self, *blind: str, closed: bool = False, pods: bool = True) -> None:
        super().__init__(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
        object.__setattr__(self, "blind", blind)
        object.__setattr__(self, "closed", closed)
        object.__setattr__(self, "pods", pods)
        object.__setattr__(self, "hushed", False)

    @contextmanager
    def silent(self) -> Iterator[None]:
        object.__setattr__(self, "hushed", True)
        yield
        object.__setattr__(self, "hushed", False)

    @property
    def said(self) -> list[str]:
        """All that is wrong with it."""
        return list(wrong(self, ["acme/concierge"], self.silent()))

    def names(self, kind: str, namespace: str, selector: str) -> list[str]:
        assert (kind, namespace, selector) == ("pods", "acme", "app.kubernetes.io/name=concierge")
        return ["concierge-1"] if vars(self)["pods"] else []

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:
        assert (kind, name, namespace) == ("pod", "concierge-1", "acme")
        return POD

    def refusal(self, wanted: Mapping[str, object]) -> str:
        made = json.loads(json.dumps(wanted))
        assert "nodeName" not in made["spec"]
        assert "uid" not in made["metadata"]
        if made["kind"] == "Service":
            return self._unless("k8s-service-exposure")
        image = made["spec"]["containers"][0]["image"]
        if vars(self)["hushed"] and "webhook" not in vars(self)["blind"]:
            return "failed calling webhook: deadline exceeded"
        if image == DIGEST:
            return "denied the request: [k8s-labels] whatever" if vars(self)["closed"] else ""
        if not image.startswith("123456789012"):
            return self._unless("k8s-image-registry")
        return self._unless("k8s-image-in-bill" if "@" in image else "k8s-image-digest")

    def _unless(self, rule: str) -> str:
        return "" if rule in vars(self)["blind"] else f"denied the request: [{rule}] no"

    def do(self, *arguments: str) -> str:
        rule = "k8s-no-exec" if arguments[0] == "exec" else "check-ignore-label"
        if rule in vars(self)["blind"]:
            return "done"
        raise UserError(what=f"denied the request: [{rule}] no")


def test_nothing_is_wrong_where_each_is_refused_by_its_own_rule() -> None:
    assert Judging().said == []


def test_each_rule_that_is_blind_is_noticed() -> None:
    for rule in ("k8s-image-digest", "k8s-image-in-bill", "k8s-image-registry", "k8s-service-exposure"):
        (said,) = Judging(rule).said
        assert said.endswith(f"is not refused by {rule}: it is let in")
    for rule in ("k8s-no-exec", "check-ignore-label"):
        (said,) = Judging(rule).said
        assert rule in said
        assert said.endswith("it is allowed")


def test_a_good_pod_that_is_kept_out_is_noticed() -> None:
    (said,) = Judging(closed=True).said
    assert said.startswith("a pod like acme/concierge's own is refused")


def test_where_nothing_can_be_asked_it_is_said() -> None:
    assert Judging(pods=False).said == ["admission was asked nothing: no agent has a pod"]
    assert list(wrong(Judging(), [], nullcontext())) == ["admission was asked nothing: no agent has a pod"]


def test_a_webhook_that_fails_open_is_noticed() -> None:
    assert Judging("webhook").said == ["a pod is not refused while nobody answers: it is let in"]
