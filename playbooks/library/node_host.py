#!/usr/bin/python
"""Ansible module: the host below a real node – its record, kernel settings, bridge and forwarding rules."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from local.node.host import network, record, rules, teardown


def main() -> None:
    """`state` present makes it ready for the node; absent leaves it as the record says it was."""
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "record": {"type": "path", "required": True},
            "bridge": {"type": "str", "required": True},
            "gateway": {"type": "str", "required": True},
            "runtime": {"type": "path", "required": True},
            "logs": {"type": "path", "required": True},
            "folders": {"type": "list", "elements": "path", "required": True},
        }
    )
    given = module.params
    try:
        made = _absent(given) if given["state"] == "absent" else _present(given)
    except (OSError, teardown.StillMountedError) as error:
        module.fail_json(msg=str(error), where=given["bridge"], fix="groundwork doctor names what this machine lacks")
    module.exit_json(changed=bool(made), made=made)


def _present(given: dict[str, str]) -> list[str]:
    done = {
        "record": record.ensure(Path(given["record"])),
        "sysctls": bool(network.ensure_sysctls()),
        "bridge": network.ensure_bridge(given["bridge"], ipaddress.IPv4Interface(given["gateway"])),
        "rules": rules.ensure_forwarding(given["bridge"]),
    }
    return [name for name, changed in done.items() if changed]


def _absent(given: dict[str, str]) -> list[str]:
    folders = [Path(folder) for folder in given["folders"]]
    return teardown.restore_host(
        Path(given["record"]), Path(given["runtime"]), Path(given["logs"]), given["bridge"], folders
    )


if __name__ == "__main__":
    main()
