"""A real registry on this machine: Debian's, unpacked from its package; installed it would start as a service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from groundwork.waiting import wait_until
from local.paths import Paths
from tests.free_ports import free_ports

PACKAGE = "docker-registry"
STARTED = 30.0


def program() -> Path:
    """The server, fetched once."""
    folder = Paths.for_user().cache / "tests" / PACKAGE
    file = folder / "usr/bin/docker-registry"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for command in (["apt-get", "-q", "update"], ["apt-get", "-q", "download", PACKAGE]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
        package.unlink()
    return file


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its host and port, until it is no longer needed. It keeps its data in the folder and takes uploads of anybody."""
    (port,) = free_ports(1)
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program(), "serve", config], stdout=log, stderr=log)

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/v2/").is_success
        except httpx.TransportError:
            return False

    try:
        assert wait_until(answers, STARTED), (folder / "log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=STARTED)
