"""Which ports the node needs, and who listens on them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.doctor.need import HERE, REAL, Need, State
from local.paths import Paths
from local.record import Way

GROUP = "ports"
NODE_PORTS = range(30080, 30100)
_LISTEN = "0A"


@dataclass(frozen=True)
class Port:
    """A port, who of the node listens on it, and in which ways."""

    number: int
    owner: str
    ways: frozenset[Way]


PORTS = (
    Port(6443, "API server", HERE),
    Port(2379, "etcd", HERE),
    Port(2380, "etcd's peers", HERE),
    Port(10257, "controller-manager", HERE),
    Port(10259, "scheduler", HERE),
    Port(10250, "kubelet", REAL),
    Port(10248, "kubelet's health", REAL),
    Port(10256, "kube-proxy's health", REAL),
    Port(10249, "kube-proxy's metrics", REAL),
    *(Port(number, "published Services", REAL) for number in NODE_PORTS),
)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A process that listens. `command`: its arguments, empty where this user may not see whose port it is."""

    pid: int | None = None
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "a process of another user" if self.pid is None else f"process {self.pid} ({self.command[0]})"


def needs(paths: Paths, proc: Path = Path("/proc")) -> list[Need]:
    """One row for each port that someone holds, and one for all that are free."""
    held = listeners(proc)
    marks = own_marks(paths)
    rows = [_held(port, held[port.number], marks) for port in PORTS if port.number in held]
    free = [port.number for port in PORTS if port.number not in held]
    return [*rows, *([_row(f"{len(free)} ports", State.OK, f"free: {spans(free)}")] if free else [])]


def own_marks(paths: Paths) -> tuple[str, ...]:
    """What stands in the command line of every process of our own node."""
    return ("/etc/groundwork", "/var/lib/groundwork", "/run/groundwork", str(paths.data), str(paths.toolchain))


def listeners(proc: Path = Path("/proc")) -> dict[int, Listener]:
    """TCP ports that are listened on, and by whom, as far as this user can see."""
    by_inode: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            by_inode |= parse_table((proc / "net" / table).read_text(encoding="ascii").splitlines())
    found = {port: Listener() for port in by_inode.values()}
    for pid, inode in _sockets(proc):
        if inode in by_inode:
            found[by_inode[inode]] = Listener(pid=pid, command=_command(proc / str(pid)))
    return found


def parse_table(lines: Iterable[str]) -> dict[str, int]:
    """Inode → port of the listening sockets in /proc/net/tcp or tcp6."""
    rows = (line.split() for line in lines)
    return {row[9]: int(row[1].rsplit(":", 1)[1], 16) for row in rows if len(row) > 9 and row[3] == _LISTEN}


def spans(numbers: Iterable[int]) -> str:
    """Numbers in short: "1-3, 7"."""
    groups: list[list[int]] = []
    for number in sorted(set(numbers)):
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in groups)


def _sockets(proc: Path) -> Iterator[tuple[int, str]]:
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # another user's, or gone since
            for link in (folder / "fd").iterdir():
                with suppress(OSError):
                    target = str(link.readlink())
                    if target.startswith("socket:["):
                        yield int(folder.name), target[8:-1]


def _command(folder: Path) -> tuple[str, ...]:
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return ("unknown",)
    return tuple(words) if words[0] else ("unknown",)


def _held(port: Port, listener: Listener, marks: tuple[str, ...]) -> Need:
    name = f"{port.number} ({port.owner})"
    if any(mark in word for word in listener.command for mark in marks):
        return _row(name, State.OK, f"held by our own node: {listener}")
    fix = "stop it" if listener.pid is None else f"stop it (kill {listener.pid})"
    return _row(name, State.MISSING, f"in use by {listener}", f"{fix}; see: ss -ltnp sport = :{port.number}", port.ways)


def _row(name: str, state: State, seen: str, fix: str | None = None, ways: frozenset[Way] = HERE) -> Need:
    return Need(group=GROUP, name=name, state=state, seen=seen, fix=fix, ways=ways)
