"""PostgreSQL as a process: TLS alone, and a master that may make roles and is no superuser, as RDS has one."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from groundwork.waiting import wait_until
from local.authority.certificates import new_root
from local.secrets.tls import leaf
from local.toolchain.debian import Package, ensure
from tests.free_ports import free_ports
from tests.local.node.quiet import Quiet
from tests.unix_sockets import listens

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
PACKAGE = Package(name="postgresql-15", purpose="is a database in tests", programs=(str(PROGRAMS / "postgres"),))
HOST, DATABASE, MASTER = "localhost", "groundwork", "groundwork_admin"
# The server refuses to be root.
USER = "65534"
START_SECONDS = 60.0
_AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it is, and its master. `log`: all that it was told; `authority`: who signed its certificate."""

    folder: Path
    port: int
    password: str
    authority: Path
    log: Path

    def sql(self, statement: str) -> str:
        """What the superuser, over the server's socket, is answered: a row a line."""
        command = [*_AS_USER, str(PROGRAMS / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", DATABASE, "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def serving() -> Iterator[Server]:
    """A server with an empty database, for as long as the block lasts."""
    ensure(Quiet(), [PACKAGE])
    folder = Path(tempfile.mkdtemp(prefix="gwpg"))
    try:
        server = _made(folder)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [*_AS_USER, str(PROGRAMS / "postgres"), "-D", str(folder / "data")], stdout=log, stderr=log
            )
        try:
            if not wait_until(lambda: listens(folder / f".s.PGSQL.{server.port}"), START_SECONDS):
                raise RuntimeError((folder / "log").read_text("utf-8"))
            _master(server)
            yield server
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _made(folder: Path) -> Server:
    (port,) = free_ports(1)
    now = dt.datetime.now(dt.UTC)
    root = new_root(now, dt.timedelta(days=1))
    served = leaf(root, [HOST], now)
    for name, text in (("tls.crt", served.certificate), ("tls.key", served.key), ("ca.crt", root.certificate)):
        (folder / name).write_text(text, "utf-8")
    shutil.chown(folder, int(USER), int(USER))
    for name in ("tls.crt", "tls.key", "ca.crt"):
        shutil.chown(folder / name, int(USER), int(USER))
    (folder / "tls.key").chmod(0o600)
    data = folder / "data"
    making = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-sync"]
    subprocess.run(
        [*_AS_USER, str(PROGRAMS / "initdb"), "-D", str(data), *making], check=True, stdout=subprocess.DEVNULL
    )
    settings = {
        "listen_addresses": HOST, "port": str(port), "unix_socket_directories": str(folder), "fsync": "off",
        "ssl": "on", "ssl_cert_file": str(folder / "tls.crt"), "ssl_key_file": str(folder / "tls.key"),
        "log_statement": "all",
    }  # fmt: skip
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())
    (data / "pg_hba.conf").write_text("local all postgres trust\nhostssl all all all scram-sha-256\n", "utf-8")
    return Server(
        folder=folder,
        port=port,
        password=secrets.token_urlsafe(24),
        authority=folder / "ca.crt",
        log=folder / "log",
    )


def _master(server: Server) -> None:
    command = [*_AS_USER, str(PROGRAMS / "psql"), "-X", "-q", "-h", str(server.folder), "-p", str(server.port)]
    statements = (
        f"CREATE ROLE {MASTER} CREATEROLE LOGIN PASSWORD '{server.password}';\n"
        f"GRANT pg_signal_backend TO {MASTER} WITH ADMIN OPTION;\n"
        f"CREATE DATABASE {DATABASE} OWNER {MASTER};\n"
    )
    subprocess.run([*command, "-U", "postgres", "-d", "postgres"], input=statements, text=True, check=True)
