"""What runs is what was tested: images are named by their digest."""

from __future__ import annotations

import re

from policies.rule import Rule, Severity, Value, at
from policies.workloads import WORKLOADS, each_container

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def _wrong(_spec: Value, container: Value) -> str | None:
    image = at(container, "image")
    # Istio's injector puts its own image, by digest, in the place of this word; admission sees which.
    if image == "auto" and at(container, "name") == "istio-proxy":
        return None
    return None if isinstance(image, str) and _DIGEST.search(image) else f"image {image} is not by digest"


RULE = Rule(
    id="k8s-image-digest",
    title="Images are named by their digest",
    severity=Severity.HIGH,
    frameworks=("NSA: Image verification", "SLSA: immutable references"),
    remediation="name the image as repository/name@sha256:… (groundwork images list prints them)",
    types=WORKLOADS,
    check=each_container(_wrong),
)
