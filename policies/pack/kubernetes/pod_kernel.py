"""No pod changes its kernel's settings, its SELinux type or its AppArmor profile."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, entries, items
from policies.workloads import WORKLOADS, containers, pod, pod_metadata

_SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}  # fmt: skip
_SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def _check(resource: Resource) -> Iterator[str]:
    spec = pod(resource)
    for sysctl in items(at(spec, "securityContext", "sysctls")):
        if at(sysctl, "name") not in _SYSCTLS:
            yield f"sysctl {at(sysctl, 'name')}"
    for key, value in entries(at(pod_metadata(resource), "annotations")):
        if (
            key.startswith(_APPARMOR)
            and value not in {"runtime/default", ""}
            and not str(value).startswith("localhost/")
        ):
            yield f"annotation {key}: {value}"
    for where in (spec, *containers(spec)):
        yield from _of(at(where, "securityContext"))


def _of(context: Value) -> Iterator[str]:
    options = at(context, "seLinuxOptions")
    if at(options, "type") not in _SELINUX or at(options, "user") or at(options, "role"):
        yield "seLinuxOptions are set"
    if at(context, "appArmorProfile", "type") not in {None, "RuntimeDefault", "Localhost"}:
        yield "appArmorProfile is not RuntimeDefault"


RULE = Rule(
    id="k8s-pod-kernel",
    title="No pod changes its kernel's settings, SELinux type or AppArmor profile",
    severity=Severity.HIGH,
    frameworks=("Pod Security baseline: Sysctls", "Pod Security baseline: SELinux", "Pod Security baseline: AppArmor"),
    remediation="remove the sysctls, seLinuxOptions or appArmorProfile that are not on the standard's list",
    types=WORKLOADS,
    check=_check,
)
