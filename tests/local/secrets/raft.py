"""Three nodes of OpenBao or HashiCorp Vault here, and a `groundwork` that reaches them as it reaches pods."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.secrets.kinds import Kind
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.paths import CHECKOUT, Paths
from local.secrets.api import Api
from local.secrets.install import Place
from local.secrets.life import root
from local.secrets.reach import Reach
from local.secrets.shares import Shares
from local.secrets.tls import Keeper
from stacks.secrets_settings import SecretsSettings, ShareSettings
from tests.free_ports import free_ports
from tests.local.secrets import bao

NODES = tuple(f"openbao-{number}" for number in range(3))
SETTINGS = SecretsSettings(replicas=3, shares=ShareSettings(count=3, threshold=2), postgres=False)
GONE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Nodes(Reach):
    """`folder`: of all three; what is asked of a cluster elsewhere stands in its files."""

    folder: Path
    shares: Shares

    def pods(self) -> list[str]:
        return [*NODES]

    @contextmanager
    def node(self, pod: str) -> Iterator[Api]:
        yield Api(f"https://localhost:{self._ports()[pod][0]}", self.authority, kind=self.kind)

    def wait_running(self) -> None:
        """They are waited for as they are started."""

    def programs(self) -> dict[str, str]:
        """None that a pod says: there is none."""
        return {}

    def outdated(self) -> list[str]:
        wanted = self._file("wanted").read_text()
        return [pod for pod in NODES if self._file(pod, "program").read_text() != wanted]

    def replace(self, pod: str) -> None:
        self.kill(pod)
        self.start(pod)
        with self._file("replaced").open("a") as order:
            order.write(f"{pod}\n")

    def operator(self, api: Api) -> Api:
        """A token of the operator's policy. Who logs in by a service account is what the cluster's tests see."""
        with root(api, self.shares) as asking:
            made = asking.write("auth/token/create-orphan", {"policies": ["openbao-operator"], "ttl": "5m"})
        given = made["auth"]
        assert isinstance(given, dict)
        return api.as_(str(given["client_token"]))

    def start(self, pod: str) -> None:
        """Start a node by the program that is wanted now."""
        program = self._file("wanted").read_text()
        process = bao.start(self.folder / pod, pod, self._ports(), bao.How(kind=self.kind, program=Path(program)))
        self._file(pod, "pid").write_text(str(process.pid))
        self._file(pod, "program").write_text(program)
        with self.node(pod) as api:
            bao.wait_answers(api, process, self.folder / pod)

    def kill(self, pod: str) -> None:
        """End a node as a machine that loses its power does, if it runs."""
        file = self._file(pod, "pid")
        if not file.exists():
            return
        group = int(file.read_text())
        file.unlink()
        bao.kill(group)
        assert wait_until(lambda: not _runs(group), GONE_SECONDS)

    def _ports(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = json.loads(self._file("ports").read_text())
        return found

    def _file(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)


@dataclass(frozen=True, kw_only=True)
class Here(Place):
    """The place of the three nodes."""

    @property
    def reach(self) -> Nodes:
        return Nodes(
            cluster=self.cluster,
            authority=self.paths.openbao_authority.read_text(),
            kind=next(kind for kind in bao.BOTH if kind.name == self.settings.server),
            folder=self.paths.data,
            shares=self.shares,
        )


def place(folder: Path, named: tuple[Path, ...] = ()) -> Here:
    """The three nodes of a folder. There is no cluster: what asks it fails."""
    nothing = Path(os.devnull)
    paths = Paths(cache=folder / "cache", data=folder)
    cluster = Cluster(kubectl=nothing, kubeconfig=nothing)
    wanted = SETTINGS.model_copy(update={"server": (folder / "kind").read_text()})
    return Here(cluster=cluster, paths=paths, settings=wanted, domain="groundwork.test", named=named)


def begin(folder: Path, kind: Kind, program: Path) -> Here:
    """Start three nodes of a program that know nothing yet, each with a certificate of one authority."""
    keeper = Keeper(folder=folder / "openbao")
    free = free_ports(9)
    ports = {pod: free[number * 3 : number * 3 + 3] for number, pod in enumerate(NODES)}
    (folder / "ports").write_text(json.dumps(ports))
    (folder / "wanted").write_text(str(program))
    (folder / "kind").write_text(kind.name)
    for pod in NODES:
        bao.certificates(folder / pod, keeper)
    groundwork = folder / "groundwork"
    groundwork.write_text(
        f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\nsys.path.insert(0, {str(CHECKOUT)!r})\n"
        f"from tests.local.secrets.raft import main\nmain(Path({str(folder)!r}))\n"
    )
    groundwork.chmod(0o700)
    made = place(folder)
    for pod in NODES:
        made.reach.start(pod)
    return made


def main(folder: Path) -> None:
    """`groundwork`, for which the environment that is up is these nodes."""
    from groundwork import cli
    from local.secrets import configure, verbs

    def here(share: list[Path] | None = None) -> Place:
        return place(folder, tuple(share or ()))

    # The one place where a verb learns what it speaks to.
    verbs._place = here
    verbs._tenants = lambda: ["acme"]
    # There is no API server to ask, and no pod with its authority.
    authority = (folder / "openbao" / "ca.crt").read_text()
    configure.REVIEWER |= {"disable_local_ca_jwt": True, "kubernetes_ca_cert": authority}
    cli.main()


def _runs(group: int) -> bool:
    """Whether a process of a group is left that is not merely waited for."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(own) == group and state != "Z":
            return True
    return False
