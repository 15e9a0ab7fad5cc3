"""A cluster that was recorded: it answers what it was asked then, takes orders, and does nothing but note them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.cluster import Cluster

# What `kubectl get … -A -o json` said of the local environment on 29 November 2026, less what no fault reads.
OBJECTS: Mapping[str, list[dict[str, object]]] = json.loads(
    (Path(__file__).parent / "recorded.json").read_text("utf-8")
)


@dataclass(frozen=True, kw_only=True)
class Recorded(Cluster):
    """`orders`: what kubectl was told, but questions; `says`: what programs in containers write."""

    kubectl: Path = Path("kubectl")
    kubeconfig: Path = Path("kubeconfig")
    objects: dict[str, list[dict[str, object]]] = field(default_factory=lambda: json.loads(json.dumps(OBJECTS)))
    orders: list[tuple[str, ...]] = field(default_factory=list)
    inputs: list[dict[str, object]] = field(default_factory=list)
    says: Callable[[str, Sequence[str]], str] = lambda pod, command: ""  # noqa: ARG005 – what is asked is the caller's

    def one(self, kind: str, name: str) -> dict[str, object]:
        """The object itself, to change it."""
        return next(each for each in self.objects[kind] if _meta(each)["name"] == name)

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        words = list(arguments)
        # Admission's own rule for tenants' pods.
        assert words[0] not in {"exec", "attach", "port-forward"}, "faults go by the node"
        if words[0] != "get":
            self.orders.append(tuple(words))
            if stdin is not None:
                self.inputs.append(json.loads(stdin))
            return ""
        if words[1] == "--raw":
            return "ok"
        space = words[words.index("-n") + 1] if "-n" in words else None
        kind = {"deployment": "deployments", "configmap": "configmaps"}.get(words[1], words[1])
        found = [each for each in self.objects.get(kind, []) if space in {None, _meta(each).get("namespace")}]
        if words[2].startswith("-"):
            return json.dumps({"items": found})
        named = [each for each in found if _meta(each)["name"] == words[2]]
        return json.dumps(named[0]) if named else ""


def _meta(found: Mapping[str, object]) -> Mapping[str, object]:
    meta = found["metadata"]
    assert isinstance(meta, dict)
    return meta
