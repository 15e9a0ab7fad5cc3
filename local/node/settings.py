"""What a node is: its kind, folders, addresses and ports."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from groundwork.errors import UserError
from local.paths import Paths

SIMULATED_PORTS = 27000
SOCKET_PATH_LIMIT = 90  # the kernel's is 107; supervisord adds a suffix of its own
NAME = "groundwork"


class Kind(StrEnum):
    """Whether containers run."""

    REAL = "real"
    SIMULATED = "simulated"


class Manager(StrEnum):
    """What keeps the services running."""

    SUPERVISORD = "supervisord"
    SYSTEMD = "systemd"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """TCP ports. Those of a real node are the usual ones; a simulated node has six in a row."""

    api: int = 6443
    etcd: int = 2379
    etcd_peer: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259
    kwok: int = 10247
    kubelet: int = 10250
    kubelet_health: int = 10248
    proxy_health: int = 10256
    proxy_metrics: int = 10249
    dns_ready: int = 8181
    dns_metrics: int = 9153
    metrics_server: int = 10251
    etcd_metrics: int = 2381
    containerd_metrics: int = 1338


@dataclass(frozen=True, kw_only=True)
class Network:
    """Addresses inside the cluster; `bridge_address` is the node's own, and the gateway of its pods."""

    bridge: str = "groundwork0"
    bridge_address: str = "10.244.0.1"
    pods: str = "10.244.0.0/24"
    services: str = "10.96.0.0/16"
    api_service: str = "10.96.0.1"
    dns_service: str = "10.96.0.10"
    domain: str = "cluster.local"

    @property
    def gateway(self) -> str:
        """The bridge's address with its prefix length."""
        return f"{self.bridge_address}/{ipaddress.IPv4Network(self.pods).prefixlen}"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """One node. `address`: where its API server listens; `config`, `data`, `runtime` and `logs` are its alone.

    `egress`: a file of Kubernetes' EgressSelectorConfiguration, where the API server reaches Services in its own way.
    """

    kind: Kind
    manager: Manager
    address: str
    ports: Ports
    network: Network
    config: Path
    data: Path
    runtime: Path
    logs: Path
    kubeconfig: Path
    name: str = NAME
    egress: Path | None = None

    @classmethod
    def real(cls, paths: Paths) -> NodeSettings:
        """The machine's one real node: root's, in the system's folders, its kubeconfig in the user's."""
        network = Network()
        return cls(
            kind=Kind.REAL,
            manager=Manager.SYSTEMD if Path("/run/systemd/system").is_dir() else Manager.SUPERVISORD,
            address=network.bridge_address,
            ports=Ports(),
            network=network,
            config=Path("/etc/groundwork"),
            data=Path("/var/lib/groundwork"),
            runtime=Path("/run/groundwork"),
            logs=Path("/var/log/groundwork"),
            kubeconfig=paths.kubeconfig,
        )

    @classmethod
    def simulated(cls, root: Path, port_base: int = SIMULATED_PORTS, kubeconfig: Path | None = None) -> NodeSettings:
        """A control plane with a simulated node, all below `root`, on `port_base` and the five ports after it.

        Needs no root; any number run side by side. `kubeconfig`: `root`/kubeconfig unless another is named.
        UserError when `root` is too deep for a unix socket or the ports are out of range.
        """
        root = root.resolve()
        runtime = root / "run"
        if len(str(runtime / "supervisor.sock")) > SOCKET_PATH_LIMIT:
            raise UserError(
                what="the folder's path is too long for a unix socket",
                where=str(root),
                allowed=f"{SOCKET_PATH_LIMIT - len('/run/supervisor.sock')} characters",
                fix="set GROUNDWORK_HOME to a shorter path",
            )
        if not 1024 <= port_base <= 65529:
            raise UserError(what=f"{port_base} is no base for six ports", where="port_base", allowed="1024 to 65529")
        ports = Ports(**dict(zip(SIMULATED_PORT_NAMES, range(port_base, port_base + 6), strict=True)))
        return cls(
            kind=Kind.SIMULATED,
            manager=Manager.SUPERVISORD,
            address="127.0.0.1",
            ports=ports,
            network=Network(),
            config=root / "config",
            data=root / "data",
            runtime=runtime,
            logs=root / "logs",
            kubeconfig=kubeconfig or root / "kubeconfig",
        )

    @classmethod
    def simulated_for_user(cls, paths: Paths) -> NodeSettings:
        """The simulated node of a user's data folder. `GROUNDWORK_SIMULATED_PORTS` moves its ports.

        Two data folders on one machine, each with a node of its own, need that.
        """
        base = os.environ.get("GROUNDWORK_SIMULATED_PORTS") or str(SIMULATED_PORTS)
        if not base.isdecimal():
            raise UserError(what=f"{base!r} is no port", where="GROUNDWORK_SIMULATED_PORTS", allowed="1024 to 65529")
        return cls.simulated(paths.data / "node", int(base), paths.kubeconfig)

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{self.address}:{self.ports.api}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What belongs to the node alone, and goes with it; the one with the host's record last."""
        return (self.runtime, self.config, self.logs, self.data)

    def bindings(self) -> dict[str, tuple[str, int]]:
        """Service → address and port it will listen on."""
        local, ports = "127.0.0.1", self.ports
        common = {
            "kube-apiserver": (self.address, ports.api),
            "etcd": (local, ports.etcd),
            "etcd (peers)": (local, ports.etcd_peer),
            "kube-controller-manager": (self.address, ports.controller_manager),
            "kube-scheduler": (self.address, ports.scheduler),
        }
        if self.kind is Kind.SIMULATED:
            return {**common, "kwok": (local, ports.kwok)}
        return {
            **common,
            "kubelet": (self.address, ports.kubelet),
            "kubelet (health)": (local, ports.kubelet_health),
            "kube-proxy (health)": (local, ports.proxy_health),
            "kube-proxy (metrics)": (self.address, ports.proxy_metrics),
            "etcd (metrics)": (self.address, ports.etcd_metrics),
            "containerd (metrics)": (self.address, ports.containerd_metrics),
            "coredns": (self.address, 53),
            "coredns (ready)": (local, ports.dns_ready),
            "coredns (metrics)": (self.address, ports.dns_metrics),
            "metrics-server": (self.address, ports.metrics_server),
        }

    def variables(self, program: Callable[[str], Path] | None) -> dict[str, object]:
        """The playbook's variables: all of the above, and the path of each program as `program` finds it."""
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        names = (*PROGRAMS[self.kind], *PLUGINS[self.kind]) if program else ()
        return {
            **{f"node_{key}": value for key, value in plain.items()},
            "node_url": self.url,
            "node_gateway": self.network.gateway,
            "node_folders": [str(folder) for folder in self.folders],
            "node_programs": {name: str(program(name)) for name in names} if program else {},
            "node_supervisord": str(Path(sys.executable).parent / "supervisord"),
            "node_python": sys.executable,
            "ansible_python_interpreter": sys.executable,
        }


SIMULATED_PORT_NAMES = ("api", "etcd", "etcd_peer", "controller_manager", "scheduler", "kwok")
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
PROGRAMS = {
    Kind.REAL: (*CONTROL_PLANE, "containerd", "kubelet", "kube-proxy", "coredns", "metrics-server"),
    Kind.SIMULATED: (*CONTROL_PLANE, "kwok"),
}
PLUGINS = {Kind.REAL: ("istio-cni",), Kind.SIMULATED: ()}  # called by containerd for each pod
SERVICES = {kind: (*programs, "node-agent") for kind, programs in PROGRAMS.items()}  # the agent is this project's own
