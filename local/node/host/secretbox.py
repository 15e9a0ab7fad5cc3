"""The key that encrypts secrets at rest, in the API server's EncryptionConfiguration."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from pathlib import Path

from local.node.host.files import write_atomic

KEY_BYTES = 32


class LostKeyError(Exception):
    """The key is gone, and what it encrypted is still there."""


def ensure_encryption_config(path: Path, encrypted: Path) -> list[str]:
    """Make the configuration with a fresh key where there is none. `encrypted`: the folder with what the key protects.

    LostKeyError when the file is missing or damaged but that folder is not empty: a fresh key would lose the secrets.
    """
    if _is_valid(path):
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return []
    if encrypted.is_dir() and any(encrypted.iterdir()):
        raise LostKeyError("the key that encrypts secrets is missing or damaged")
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    write_atomic(path, json.dumps(_configuration(key), indent=1).encode(), 0o600)
    return [path.name]


def _configuration(key: str) -> dict[str, object]:
    providers: list[dict[str, object]] = [{"secretbox": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }


def _is_valid(path: Path) -> bool:
    try:
        document = json.loads(path.read_bytes())
        key = document["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"]
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (FileNotFoundError, ValueError, KeyError, IndexError, TypeError, binascii.Error):
        return False
