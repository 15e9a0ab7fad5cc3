"""Whom a client trusts that asks the gateway."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.node import kubectl

NAMESPACE = "groundwork-domains"


def authority(file: Path) -> Path:
    """Write what the environment's own clients trust to `file`, as `groundwork domain ca` would."""
    shown = [_part("authority-certificate", "ca.crt"), _part("openbao", "roots.crt")]
    file.write_text("".join(shown))
    return file


def _part(config: str, key: str) -> str:
    path = "jsonpath={.data." + key.replace(".", r"\.") + "}"
    return kubectl("get", "configmap", config, "-n", NAMESPACE, "--ignore-not-found", "-o", path).stdout
