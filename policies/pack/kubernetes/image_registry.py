"""Images come from where this project puts them."""

from __future__ import annotations

import re

from policies.rule import Rule, Severity, Value, at
from policies.workloads import WORKLOADS, each_container

# The node's own store, and the registries of AWS accounts.
ALLOWED = re.compile(r"^(localhost/groundwork/|\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/)")


def _wrong(_spec: Value, container: Value) -> str | None:
    image = at(container, "image")
    if image == "auto" and at(container, "name") == "istio-proxy":
        return None
    return None if isinstance(image, str) and ALLOWED.match(image) else f"image {image} is from another registry"


RULE = Rule(
    id="k8s-image-registry",
    title="Images come from the node's store or from the account's registry",
    severity=Severity.HIGH,
    frameworks=("NSA: Image sources", "CIS Kubernetes 5.5.1"),
    remediation="build the image here, or copy it into the environment's registry, and name that",
    types=WORKLOADS,
    check=each_container(_wrong),
)
