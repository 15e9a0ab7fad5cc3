"""The last word before a pod starts: a CNI plugin that waits until the pod's network policies are in force.

It tells the node agent the pod's address and passes on what the plugins before it did. Where the agent does not answer,
the pod does not start, and kubelet tries again: a pod without its policies is worse than a pod that is late. Only the
standard library is imported: this runs once for each pod.
"""

from __future__ import annotations

import json
import os
import socket
import sys

VERSIONS = ["0.4.0", "1.0.0", "1.1.0"]
WAIT_SECONDS = 10.0
TRY_AGAIN_LATER = 11  # CNI's code for it


class PolicyError(Exception):
    """The pod's policies are not in force."""


def main() -> int:
    """One CNI command: settings on stdin, the command in the environment."""
    given = json.load(sys.stdin)
    command = os.environ.get("CNI_COMMAND", "")
    if command == "VERSION":
        print(json.dumps({"cniVersion": given.get("cniVersion", VERSIONS[-1]), "supportedVersions": VERSIONS}))
    elif command == "ADD":
        result = given.get("prevResult") or {}
        try:
            announce(str(given["socket"]), pod_uid(os.environ.get("CNI_ARGS", "")), address(result))
        except (PolicyError, OSError, KeyError) as error:
            print(json.dumps(failure(given, f"the pod's network policies are not in force: {error!s}")))
            return 1
        print(json.dumps(result))
    return 0


def failure(given: dict[str, object], message: str) -> dict[str, object]:
    """CNI's form of an error."""
    return {"cniVersion": given.get("cniVersion"), "code": TRY_AGAIN_LATER, "msg": message}


def pod_uid(arguments: str) -> str:
    """From CNI_ARGS, "KEY=value;…". PolicyError where there is none."""
    pairs = dict(pair.split("=", 1) for pair in arguments.split(";") if "=" in pair)
    if "K8S_POD_UID" not in pairs:
        raise PolicyError("CNI_ARGS has no K8S_POD_UID")
    return pairs["K8S_POD_UID"]


def address(result: object) -> str:
    """The first IPv4 address that the plugins before gave. PolicyError where they gave none."""
    rows = result.get("ips", []) if isinstance(result, dict) else []
    for row in rows:
        found = str(row["address"]).partition("/")[0]
        if ":" not in found:
            return found
    raise PolicyError("the plugins before gave no IPv4 address")


def announce(path: str, uid: str, at: str) -> None:
    """Tell the agent, and wait for its "ok". PolicyError when it says something else, OSError when it says nothing."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(WAIT_SECONDS)
        client.connect(path)
        client.sendall(json.dumps({"uid": uid, "address": at}).encode() + b"\n")
        answer = client.makefile().readline().strip()
    if answer != "ok":
        raise PolicyError(answer or "the node agent hung up")


if __name__ == "__main__":
    sys.exit(main())
