#!/usr/bin/python
"""Ansible module: the node's authorities, certificates and generated keys."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from local.node.host.pki import CertificateSpec, ensure_pki, ensure_signing_key
from local.node.host.secretbox import LostKeyError, ensure_encryption_config

CERTIFICATE = {
    "name": {"type": "str", "required": True},
    "authority": {"type": "str", "required": True},
    "common_name": {"type": "str", "required": True},
    "organization": {"type": "str"},
    "usages": {"type": "list", "elements": "str", "choices": ["client", "server"], "default": ["client"]},
    "dns": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """See `local.node.host.pki` for when a pair is made again."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "authorities": {"type": "list", "elements": "str", "required": True},
            "certificates": {"type": "list", "elements": "dict", "options": CERTIFICATE, "required": True},
            "signing_key": {"type": "str", "required": True, "no_log": False},
            "encryption": {"type": "path", "required": True},
            "encrypted_data": {"type": "path", "required": True},
        }
    )
    given, root = module.params, Path(module.params["root"])
    specs = [
        CertificateSpec(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in given["certificates"]
    ]
    try:
        made = ensure_pki(root, given["authorities"], specs, dt.datetime.now(dt.UTC))
        made += ensure_signing_key(root, given["signing_key"])
        made += ensure_encryption_config(Path(given["encryption"]), Path(given["encrypted_data"]))
    except LostKeyError as error:
        module.fail_json(msg=str(error), where=given["encryption"], fix="restore the file, or take the node down")
    except OSError as error:
        module.fail_json(msg=str(error.strerror), where=str(error.filename))
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
