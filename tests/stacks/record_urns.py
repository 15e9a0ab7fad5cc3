"""Records the URNs of the AWS environments anew, after a change on purpose: `python -m tests.stacks.record_urns`."""

from __future__ import annotations

from pathlib import Path

from groundwork.files import write_atomically
from stacks.graph import graph_of

LAYERS = ("admission", "observability", "secrets")
STACKS = (
    *("dev", "staging", "prod", "ecs", "dev.acme", "ecs.acme"),
    *(f"{environment}.{layer}" for environment in ("dev", "staging", "prod") for layer in LAYERS),
)

if __name__ == "__main__":
    for stack in STACKS:
        found = sorted(node.urn for node in graph_of(stack).nodes)
        write_atomically(Path(__file__).parent / f"urns.{stack}.txt", "\n".join(found) + "\n")
        print(f"{stack}: {len(found)} resources")
