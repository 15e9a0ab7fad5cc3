"""What the host was like before the node: read when it is taken down, so that it is left as it was found."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from local.node.host import rules
from local.node.host.files import write_atomic

PROC_SYS = Path("/proc/sys")
CGROUPS = Path("/sys/fs/cgroup")
BOOT_ID = PROC_SYS / "kernel/random/boot_id"

# Kernel settings that the node's role, kubelet, kube-proxy or the CNI plugins change.
SYSCTLS = (
    "fs/inotify/max_user_instances",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/conf/all/accept_redirects",  # last: the kernel sets it whenever ip_forward changes
)

# Folders whose names are fixed in kubelet, containerd's shim and the CNI plugins.
FOLDERS = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")

# What is left in them.
TRACES = (
    "/run/containerd/s/*",
    "/var/lib/cni/results/groundwork-*",
    "/var/lib/kubelet/device-plugins/*",
    "/var/log/containers/*.log",
)


@dataclass(frozen=True, kw_only=True)
class HostRecord:
    """`sysctls`: value by path below /proc/sys; `folders`, iptables `chains` and nftables `tables` there were."""

    boot_id: str
    sysctls: dict[str, str]
    folders: list[str]
    chains: list[str]
    tables: list[str]

    @classmethod
    def of_this_host(cls) -> HostRecord:
        """As the host is now."""
        return cls(
            boot_id=boot_id(),
            sysctls={name: (PROC_SYS / name).read_text().strip() for name in SYSCTLS if (PROC_SYS / name).is_file()},
            folders=[str(path) for path in (*map(Path, FOLDERS), *pod_cgroups()) if path.is_dir()],
            chains=rules.chains(),
            tables=rules.nft_tables(),
        )


def boot_id() -> str:
    """Tells one boot of the machine from the next."""
    return BOOT_ID.read_text().strip()


def pod_cgroups() -> list[Path]:
    """Where kubelet makes the pods' cgroups: in each hierarchy of version 1, or in the only one of version 2."""
    roots = [CGROUPS, *(path for path in CGROUPS.iterdir() if path.is_dir())] if CGROUPS.is_dir() else []
    return [root / name for root in roots for name in ("kubepods", "kubepods.slice")]


def load(path: Path) -> HostRecord | None:
    """The record, or None where there is none that can be read."""
    try:
        return HostRecord(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def ensure(path: Path) -> bool:
    """Take the record before the node changes anything; after a reboot the kernel's settings are taken again."""
    known, now = load(path), HostRecord.of_this_host()
    if known is not None and known.boot_id == now.boot_id:
        return False
    record = now if known is None else dataclasses.replace(now, folders=known.folders)
    write_atomic(path, json.dumps(dataclasses.asdict(record), indent=1).encode(), 0o600)
    return True
