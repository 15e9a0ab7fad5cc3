#!/usr/bin/python
"""Ansible module: files and folders of the node, all in one call, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from local.node.host.files import ManagedFile
from local.node.host.teardown import StillMountedError, delete

FILE = {
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "required": True},
    "content": {"type": "str", "no_log": True},
}


def main() -> None:
    """Folders are the entries with no content; modes are octal strings. `absent`: paths to delete, in this order."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "options": FILE, "default": []},
            "absent": {"type": "list", "elements": "path", "default": []},
        },
    )
    files = [
        ManagedFile(
            path=Path(row["path"]),
            mode=int(row["mode"], 8),
            content=None if row["content"] is None else row["content"].encode(),
        )
        for row in module.params["files"]
    ]
    try:
        made = [str(file.path) for file in files if file.apply()]
        made += [str(path) for path in map(Path, module.params["absent"]) if delete(path)]
    except StillMountedError as error:
        module.fail_json(msg=f"still mounted: {error}", fix="unmount it, then run it again")
    except OSError as error:
        module.fail_json(
            msg=str(error.strerror), where=str(error.filename), fix="free the path or the disk, then run it again"
        )
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
