"""The Pod Security Standard *restricted* as checks on a pod's spec (JSON form), control by control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.components.recording import Value, at

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}  # fmt: skip


def violations(spec: Value) -> list[str]:
    """What the pod breaks; empty where it satisfies *restricted*."""
    return [
        *_of_the_pod(spec),
        *(wrong for container in containers(spec) for wrong in _of_a_container(spec, container)),
    ]


def containers(spec: Value) -> Iterator[Mapping[str, Value]]:
    """Every container of the pod: init and ephemeral ones too."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        listed = at(spec, kind)
        for container in listed if isinstance(listed, list) else []:
            assert isinstance(container, Mapping)
            yield container


def _of_the_pod(spec: Value) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if at(spec, key):
            yield key
    volumes = at(spec, "volumes")
    for volume in volumes if isinstance(volumes, list) else []:
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume}"
    sysctls = at(spec, "securityContext", "sysctls")
    for sysctl in sysctls if isinstance(sysctls, list) else []:
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl}"
    if at(spec, "securityContext", "windowsOptions", "hostProcess"):
        yield "hostProcess"


def _of_a_container(spec: Value, container: Mapping[str, Value]) -> Iterator[str]:
    context = container.get("securityContext")
    if at(context, "privileged"):
        yield "privileged"
    if at(context, "allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if at(context, "capabilities", "drop") != ["ALL"]:
        yield "capabilities are not dropped"
    added = at(context, "capabilities", "add") or []
    if not isinstance(added, list) or not set(added) <= {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    for key, wanted in (("runAsNonRoot", {True}), ("runAsUser", None), ("procMount", {None, "Default"})):
        value = at(context, key)
        value = at(spec, "securityContext", key) if value is None else value
        if value == 0 if wanted is None else value not in wanted:
            yield key
    profile = at(context, "seccompProfile", "type") or at(spec, "securityContext", "seccompProfile", "type")
    if profile not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
    ports = container.get("ports")
    if any(at(port, "hostPort") for port in (ports if isinstance(ports, list) else [])):
        yield "hostPort"
