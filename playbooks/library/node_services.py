#!/usr/bin/python
"""Ansible module: supervised services, started in order and waited for."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from local.node.host.probes import Access
from local.node.host.services import Manager, NotReadyError, Service, ensure_services
from local.node.host.supervisord import Supervisord
from local.node.host.systemd import Systemd

SERVICE = {
    "name": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "environment": {"type": "dict", "default": {}},
    "watch": {"type": "list", "elements": "path", "default": []},
    "ready": {"type": "str"},
    "access": {"type": "dict"},
}


def main() -> None:
    """`state` absent stops and forgets every service of the node."""
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "manager": {"choices": ["supervisord", "systemd"], "required": True},
            "supervisord": {"type": "path", "required": True},
            "config": {"type": "path", "required": True},
            "runtime": {"type": "path", "required": True},
            "logs": {"type": "path", "required": True},
            "services": {"type": "list", "elements": "dict", "options": SERVICE, "default": []},
            "seconds": {"type": "int", "default": 180},
        }
    )
    given = module.params
    manager = _manager(given)
    if given["state"] == "absent":
        module.exit_json(changed=manager.remove())
    services = [_service(row) for row in given["services"]]
    try:
        made = ensure_services(manager, services, given["seconds"])
    except (NotReadyError, TimeoutError, OSError) as error:
        module.fail_json(msg=str(error), where=given["logs"], fix="read the log named here, then run it again")
    module.exit_json(changed=bool(made), made=made)


def _manager(given: dict[str, str]) -> Manager:
    runtime = Path(given["runtime"])
    if given["manager"] == "systemd":
        return Systemd(runtime=runtime)
    return Supervisord(
        program=Path(given["supervisord"]), config=Path(given["config"]), runtime=runtime, logs=Path(given["logs"])
    )


def _service(row: dict[str, object]) -> Service:
    access = row.get("access")
    return Service(
        name=str(row["name"]),
        command=tuple(map(str, row["command"])) if isinstance(row["command"], list) else (),
        environment={str(key): str(value) for key, value in dict(row["environment"] or {}).items()},
        watch=tuple(map(Path, row["watch"])) if isinstance(row["watch"], list) else (),
        ready=str(row["ready"]) if row["ready"] else None,
        access=Access(**{key: Path(path) for key, path in access.items()}) if isinstance(access, dict) else None,
    )


if __name__ == "__main__":
    main()
