"""The checks themselves: each control finds its own breach."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.components.pod_security import violations
from tests.components.recording import Value

GOOD: dict[str, object] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "a",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


def test_a_restricted_pod_breaks_nothing() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (["hostNetwork"], True, "hostNetwork"),
        (["hostPID"], True, "hostPID"),
        (["hostIPC"], True, "hostIPC"),
        (["volumes", 0], {"name": "x", "hostPath": {"path": "/"}}, "volume"),
        (["securityContext", "sysctls"], [{"name": "kernel.msgmax", "value": "1"}], "sysctl"),
        (["securityContext", "windowsOptions"], {"hostProcess": True}, "hostProcess"),
        (["containers", 0, "securityContext", "privileged"], True, "privileged"),
        (["containers", 0, "securityContext", "allowPrivilegeEscalation"], True, "allowPrivilegeEscalation"),
        (["containers", 0, "securityContext", "capabilities"], {}, "capabilities are not dropped"),
        (["containers", 0, "securityContext", "capabilities"], {"drop": ["ALL"], "add": ["X"]}, "are added"),
        (["securityContext", "runAsNonRoot"], False, "runAsNonRoot"),
        (["containers", 0, "securityContext", "runAsNonRoot"], False, "runAsNonRoot"),
        (["containers", 0, "securityContext", "runAsUser"], 0, "runAsUser"),
        (["containers", 0, "securityContext", "procMount"], "Unmasked", "procMount"),
        (["securityContext", "seccompProfile"], {"type": "Unconfined"}, "seccompProfile"),
        (["containers", 0, "ports"], [{"hostPort": 80}], "hostPort"),
        (["initContainers"], [{"name": "i"}], "allowPrivilegeEscalation"),
    ],
)
def test_each_breach_is_found(path: list[str | int], value: object, found: str) -> None:
    assert any(found in wrong for wrong in violations(_with(GOOD, path, value)))


def _with(pod: Value, path: list[str | int], value: Value) -> Value:
    """A copy of the pod in which `path` leads to `value`."""
    if not path:
        return value
    head, *rest = path
    if isinstance(pod, list):
        return [_with(item, rest, value) if index == head else item for index, item in enumerate(pod)]
    here = dict(pod) if isinstance(pod, Mapping) else {}
    return here | {head: _with(here.get(head), rest, value)}
