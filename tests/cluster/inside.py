"""Commands in a tenant's container, by the node's own containerd: admission lets nobody in by the API server."""

from __future__ import annotations

import json
import subprocess
from uuid import uuid4

from local.images.containerd import NAMESPACE, SOCKET
from tests.cluster.node import kubectl, tools


def inside(namespace: str, pod: str, container: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run it as the container's own user, in its own namespaces."""
    status = json.loads(kubectl("get", "pod", "-n", namespace, pod, "-o", "json").stdout)["status"]
    every = [*status["containerStatuses"], *status.get("initContainerStatuses", [])]
    (found,) = [each["containerID"].removeprefix("containerd://") for each in every if each["name"] == container]
    ctr = [str(tools().path("ctr")), "--address", str(SOCKET), "--namespace", NAMESPACE]
    words = ["tasks", "exec", "--exec-id", f"test-{uuid4().hex[:8]}", found, *command]
    return subprocess.run([*ctr, *words], capture_output=True, text=True, check=False, timeout=120)
