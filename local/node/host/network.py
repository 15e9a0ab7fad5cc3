"""The node's bridge and the kernel settings it needs."""

from __future__ import annotations

import ipaddress
import json
import subprocess

from local.node.host.record import PROC_SYS

# What kubelet checks with protectKernelDefaults, and what routing between pods, services and the host takes.
WANTED = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/ipv4/conf/all/route_localnet": "1",
    "net/ipv4/ip_forward": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
# Every pod's processes count as root's: 98 of the kernel's usual 128 were taken by this project's own on one node.
AT_LEAST = {"fs/inotify/max_user_instances": 1024}
MODULES = ("br_netfilter", "overlay")


def ensure_sysctls() -> list[str]:
    """Set what differs; returns the names. OSError where the kernel refuses one."""
    bridge_netfilter = PROC_SYS / "net/bridge"
    if not bridge_netfilter.is_dir():
        subprocess.run(["modprobe", "--all", *MODULES], check=False, capture_output=True)
    changed = []
    for name, value in WANTED.items():
        path = PROC_SYS / name
        if path.read_text().strip() != value:
            path.write_text(value)
            changed.append(name)
    for name, least in AT_LEAST.items():
        path = PROC_SYS / name
        if int(path.read_text()) < least:
            path.write_text(str(least))
            changed.append(name)
    return changed


def ensure_bridge(name: str, gateway: ipaddress.IPv4Interface) -> bool:
    """A bridge that is up and holds the gateway's address, even before any pod; true when something changed."""
    changed = False
    link = _link(name)
    if link is None:
        _ip("link", "add", name, "type", "bridge")
        changed = True
    if gateway not in addresses(name):
        _ip("address", "replace", str(gateway), "dev", name)
        changed = True
    if link is None or "UP" not in str(link.get("flags")):
        _ip("link", "set", name, "up")
        changed = True
    return changed


def addresses(name: str) -> list[ipaddress.IPv4Interface]:
    """The IPv4 addresses of a link."""
    shown = _ip("-json", "-4", "address", "show", "dev", name)
    infos = [info for link in json.loads(shown or "[]") for info in link.get("addr_info", [])]
    return [ipaddress.IPv4Interface(f"{info['local']}/{info['prefixlen']}") for info in infos]


def remove_bridge(name: str) -> bool:
    """Delete the bridge, and the host's ends of pods' links that were in it."""
    if _link(name) is None:
        return False
    for link in json.loads(_ip("-json", "link", "show", "master", name) or "[]"):
        _delete(str(link["ifname"]))
    _delete(name)
    return True


def _delete(name: str) -> None:
    """Delete a link; one that is gone already is fine: the kernel removes a pod's with its network namespace, later."""
    try:
        _ip("link", "delete", name)
    except OSError:
        if _link(name) is not None:
            raise


def _link(name: str) -> dict[str, object] | None:
    done = subprocess.run(["ip", "-json", "link", "show", name], capture_output=True, text=True, check=False)
    links: list[dict[str, object]] = json.loads(done.stdout) if done.returncode == 0 and done.stdout else []
    return links[0] if links else None


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
