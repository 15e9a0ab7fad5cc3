"""Whom a client trusts that asks the gateway."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.node import kubectl

NAMESPACE, CONFIG = "groundwork-domains", "authority-certificate"


def authority(file: Path) -> Path:
    """Write the certificate of the environment's own authority to `file`, as `groundwork domain ca` would."""
    shown = kubectl("get", "configmap", CONFIG, "-n", NAMESPACE, "-o", r"jsonpath={.data.ca\.crt}")
    file.write_text(shown.stdout)
    return file
