"""Whom a client trusts that asks the gateway."""

from __future__ import annotations

import base64
from pathlib import Path

from components.gateway.gateway import CREDENTIAL
from components.mesh.names import GATEWAY_NAMESPACE
from tests.cluster.node import kubectl


def authority(file: Path) -> Path:
    """Write the last certificate of the gateway's own chain, which its issuer signed itself, to `file`."""
    shown = kubectl("get", "secret", CREDENTIAL, "-n", GATEWAY_NAMESPACE, "-o", r"jsonpath={.data.tls\.crt}")
    chain = base64.b64decode(shown.stdout).decode()
    begin = "-----BEGIN CERTIFICATE-----"
    file.write_text(begin + chain.split(begin)[-1])
    return file
