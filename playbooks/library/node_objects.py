#!/usr/bin/python
"""Ansible module: objects in the cluster that the node itself needs, and the wait for its nodes to be Ready."""

from __future__ import annotations

import http.client
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from local.node.host.objects import ApplyError, Cluster, ensure_objects, wait_for_nodes
from local.node.host.probes import Access


def main() -> None:
    """`objects`: manifests; `nodes`: names to wait for, up to `seconds`."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "access": {"type": "dict", "required": True},
            "objects": {"type": "list", "elements": "dict", "default": []},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "int", "default": 180},
        }
    )
    given = module.params
    access = Access(**{key: Path(path) for key, path in given["access"].items()})
    cluster = Cluster(given["url"], access)
    try:
        made = ensure_objects(cluster, given["objects"])
    except (ApplyError, OSError, ValueError, http.client.HTTPException) as error:
        module.fail_json(msg=str(error), where=given["url"], fix="run it again; the API server's log tells why")
    late = wait_for_nodes(cluster, given["nodes"], given["seconds"])
    if late:
        module.fail_json(
            msg=f"not Ready after {given['seconds']} s: {', '.join(late)}",
            where="nodes",
            fix="read the logs of kubelet (or kwok) and containerd, then run it again",
        )
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
