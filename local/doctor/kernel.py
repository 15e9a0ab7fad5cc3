"""What the kernel allows: tried out in namespaces that vanish with the attempt, so that nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local import machine
from local.doctor.need import REAL, Need, State
from local.toolchain import debian

GROUP = "kernel"
CONTROLLERS = ("cpu", "memory", "pids")
NODE_DATA = Path("/var/lib")
_CGROUP = Path("/sys/fs/cgroup")
_TRY_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A feature, the namespaces it is tried in, and the commands; the first one that fails tells what is wrong."""

    name: str
    namespaces: tuple[str, ...]
    commands: tuple[str, ...]
    fix: str
    state: State = State.MISSING

    def programs(self) -> set[str]:
        """What must be installed before it can be tried."""
        return {command.split()[0] for command in self.commands} | {"unshare"}


_MODULE = "use a kernel that has it (load the module {}), or a virtual machine instead of a container"
_NET = ("--net",)
ATTEMPTS = (
    Attempt(
        name="namespaces",
        namespaces=("--mount", "--net", "--pid", "--uts", "--ipc", "--fork"),
        commands=("true",),
        fix="give this container more rights (privileged), or use a virtual machine",
    ),
    Attempt(
        name="veth",
        namespaces=_NET,
        commands=("ip link add gw0 type veth peer name gw1",),
        fix=_MODULE.format("veth"),
    ),
    Attempt(name="bridge", namespaces=_NET, commands=("ip link add gw0 type bridge",), fix=_MODULE.format("bridge")),
    Attempt(
        name="iptables filter",
        namespaces=_NET,
        commands=(
            "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            "iptables -A FORWARD -m mark --mark 1 -m comment --comment tried -j ACCEPT",
        ),
        fix=_MODULE.format("nf_tables, or iptable_filter"),
    ),
    Attempt(
        name="iptables nat",
        namespaces=_NET,
        commands=(
            "iptables -t nat -A POSTROUTING -j MASQUERADE",
            "iptables -t nat -A PREROUTING -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to 10.0.0.1",
        ),
        fix=_MODULE.format("nf_nat, or iptable_nat"),
    ),
    Attempt(
        name="nftables",
        namespaces=_NET,
        commands=(
            "nft 'add table inet tried; add chain inet tried one; add chain inet tried two'",
            "nft 'add map inet tried chosen { type ipv4_addr : verdict; }'",
            "nft 'add rule inet tried one ct state established accept; add rule inet tried one ip saddr vmap @chosen'",
            "nft 'add element inet tried chosen { 10.0.0.1 : jump two }'",
        ),
        fix=_MODULE.format("nf_tables"),
    ),
)


def needs() -> list[Need]:
    """The kernel features of a real node. Where they cannot be tried (no root, no program yet) they are `warn`."""
    if not sys.platform.startswith("linux"):
        return [_need("Linux", State.MISSING, f"this is {sys.platform}", "use a Linux machine, or a virtual one")]
    if os.geteuid() != 0:
        names = ", ".join(["cgroups", *(attempt.name for attempt in ATTEMPTS), "overlayfs"])
        return [_root(), _need(names, State.WARN, "only root can try them", "run as root to see", lasting=False)]
    return [_root(), _controllers(), _forwarding(), *(tried(attempt) for attempt in ATTEMPTS), overlay(NODE_DATA)]


def tried(attempt: Attempt) -> Need:
    """Try one feature."""
    absent = sorted(program for program in attempt.programs() if debian.find(program) is None)
    if absent:
        seen = f"cannot be tried before these are installed: {', '.join(absent)}"
        return _need(attempt.name, State.WARN, seen, "`up` installs them on Debian as root", lasting=False)
    told = _run(["unshare", *attempt.namespaces, "sh", "-ec", "\n".join(attempt.commands)])
    if told is None:
        return _need(attempt.name, State.OK, "works")
    return _need(attempt.name, attempt.state, told, attempt.fix)


def overlay(folder: Path) -> Need:
    """Whether containers' layers can be mounted over each other on the file system they will be on."""
    name = f"overlayfs on {folder}"
    fix = "use a file system that overlayfs takes (ext4, xfs), or a kernel that has it"
    try:
        with tempfile.TemporaryDirectory(prefix="groundwork-probe-", dir=machine.existing(folder)) as text:
            for part in ("lower", "upper", "work", "merged"):
                (Path(text) / part).mkdir()
            options = f"lowerdir={text}/lower,upperdir={text}/upper,workdir={text}/work"
            told = _run(["unshare", "--mount", "mount", "-t", "overlay", "-o", options, "overlay", f"{text}/merged"])
    except OSError as error:
        return _need(name, State.MISSING, f"not writable: {error.strerror}", f"make {folder} writable")
    return _need(name, State.OK, "works") if told is None else _need(name, State.MISSING, told, fix)


def controllers(mounts: Iterable[str], unified: str) -> set[str]:
    """The control group controllers there are: from /proc/mounts' lines (version 1) and cgroup.controllers (2)."""
    named = set(unified.split())
    for row in (line.split() for line in mounts):
        if len(row) >= 4 and row[2] == "cgroup" and os.access(row[1], os.W_OK):
            named |= set(row[3].split(","))
    return named


def _root() -> Need:
    user = os.geteuid()
    if user == 0:
        return _need("root", State.OK, "this is root")
    return _need("root", State.MISSING, f"this is user {user}", "run it as root: sudo make up")


def _controllers() -> Need:
    unified = _CGROUP / "cgroup.controllers"
    text = unified.read_text(encoding="ascii") if unified.exists() and os.access(_CGROUP, os.W_OK) else ""
    have = controllers(Path("/proc/mounts").read_text(encoding="utf-8").splitlines(), text)
    absent = [name for name in CONTROLLERS if name not in have]
    version = "version 2" if text else "version 1"
    if not absent:
        return _need("cgroups", State.OK, f"{version}: {', '.join(CONTROLLERS)}")
    seen = f"not there, or not writable: {', '.join(absent)}"
    return _need("cgroups", State.MISSING, seen, "mount /sys/fs/cgroup writable (a container must be privileged)")


def _forwarding() -> Need:
    setting = Path("/proc/sys/net/ipv4/ip_forward")
    if not os.access(setting, os.W_OK):
        return _need("IP forwarding", State.MISSING, f"{setting} is not writable", "a container must be privileged")
    on = setting.exists() and setting.read_text(encoding="ascii").strip() == "1"
    return _need("IP forwarding", State.OK, "on" if on else "off; `up` turns it on")


def _run(command: list[str]) -> str | None:
    """None where it works, otherwise the last thing it said."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    rows = (done.stderr or done.stdout).strip().splitlines()
    return rows[-1] if rows else f"exit status {done.returncode}"


def _need(name: str, state: State, seen: str, fix: str | None = None, *, lasting: bool = True) -> Need:
    return Need(
        group=GROUP,
        name=name,
        state=state,
        seen=seen,
        fix=None if state is State.OK else fix,
        ways=REAL,
        lasting=lasting and state is State.MISSING,
    )
