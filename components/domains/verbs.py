"""The command line's verbs for domains: add, list, show, verify, remove; and the authority's certificate."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue, TypeAdapter, ValidationError

from components.hosts import HOST, Host
from components.platform.specs import Domain, DomainStatus
from groundwork.console import print_columns
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from groundwork.waiting import wait_until

if TYPE_CHECKING:
    from components.domains.store import DomainStore

app = typer.Typer(name="domain", help="Tenants' own domains: add, prove, list and remove them.", no_args_is_help=True)
WAIT_SECONDS = 60
COLUMNS = ("host", "tenant", "state", "certificateUntil", "reason")
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Kubeconfig = Annotated[Path | None, typer.Option(help="The cluster; the one that is up if none is named.")]
TenantArgument = Annotated[str, typer.Argument(help="Whose domain it is.")]
HostArgument = Annotated[str, typer.Argument(help="The name, such as agents.example.com.")]


class Authority(StrEnum):
    """Who signs a certificate."""

    ACME = "acme"
    OWN = "own"


@app.command()
def add(
    tenant: TenantArgument,
    host: HostArgument,
    issuer: Annotated[Authority | None, typer.Option(help="Who signs; the environment's choice if not said.")] = None,
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """Add a domain and show the record that proves control of it. Done again, it shows the same.

    Example:
      groundwork domain add acme agents.example.com
    """
    name, store = _host(host), _store(kubeconfig)
    known = store.tenants()
    if tenant not in known:
        allowed = ", ".join(known) or "none"
        raise UserError(what=f"there is no tenant {tenant!r}", allowed=allowed, fix=f"groundwork tenant add {tenant}")
    store.add(tenant, name, issuer.value if issuer else None)
    if kubeconfig is None and issuer is not Authority.ACME:
        _allow(name)

    def answered() -> bool:
        status = store.domain(tenant, name).status
        return bool(status.records) or status.state == "Failed"

    if not wait_until(answered, WAIT_SECONDS):
        raise UserError(
            what=f"{name} is added, and the operator has not said yet which record to set",
            fix=f"look at the pods of groundwork-domains; then: groundwork domain show {tenant} {name}",
            code=ExitCode.ERROR,
        )
    _print(store.domain(tenant, name), json_)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Argument(help="Whose domains; all if none is named.")] = None,
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """List domains, with their state.

    Example:
      groundwork domain list acme
    """
    rows = [_row(each) for each in _store(kubeconfig).domains(tenant)]
    if json_:
        print(json.dumps(rows, indent=2))
        return
    print_columns([COLUMNS, *([str(row[column] or "")[:80] for column in COLUMNS] for row in rows)])


@app.command()
def show(tenant: TenantArgument, host: HostArgument, kubeconfig: Kubeconfig = None, json_: Json = False) -> None:
    """Show a domain: how far it is, the record to set and where, its certificate.

    Example:
      groundwork domain show acme agents.example.com
    """
    _print(_store(kubeconfig).domain(tenant, _host(host)), json_)


@app.command()
def verify(
    tenant: TenantArgument,
    host: HostArgument,
    wait: Annotated[int, typer.Option(help="How long to wait for the domain to be ready, in seconds.", min=0)] = 60,
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """Look for the proof now, and wait for the certificate. Exit code 0: it is issued; 99: it is not.

    Example:
      groundwork domain verify acme agents.example.com
    """
    name, store = _host(host), _store(kubeconfig)
    store.look_again(store.domain(tenant, name))

    def decided() -> bool:
        status = store.domain(tenant, name).status
        return status.checked_at is not None and status.state == "Issued"

    wait_until(decided, wait)
    found = store.domain(tenant, name)
    _print(found, json_)
    if found.status.state != "Issued":
        raise typer.Exit(ExitCode.FAIL)


@app.command()
def remove(
    tenant: TenantArgument,
    host: HostArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Remove a domain: its route, certificate and records go with it.

    Example:
      groundwork domain remove acme agents.example.com --yes
    """
    store = _store(kubeconfig)
    found = store.domain(tenant, _host(host))
    if not yes:
        typer.confirm(f"{found.spec.host} will no longer answer. Remove it?", abort=True, err=True)
    store.remove(found)
    print(f"{found.spec.host}: removed")


@app.command()
def ca(kubeconfig: Kubeconfig = None) -> None:
    """Write the certificates of the platform's own authorities into the data folder, and print where.

    Example:
      curl --cacert "$(groundwork domain ca)" https://acme.groundwork.test/
    """
    from local.paths import Paths

    found = _store(kubeconfig).authority()
    if found is None:
        fix = "wait until the pods of groundwork-domains run"
        raise UserError(what="this environment has no authority of its own yet", fix=fix, code=ExitCode.ERROR)
    file = Paths.for_user().data / "ca.crt"
    write_atomically(file, found)
    print(file)


def _allow(host: str) -> None:
    """Let OpenBao sign for the host, where there is one; where it does not serve, the next `up` does."""
    from local import record
    from local.paths import Paths
    from local.secrets.issuing import allow_host
    from local.up import cluster_of

    paths = Paths.for_user()
    try:
        allow_host(cluster_of(record.require(paths), paths), paths.openbao, host)
    except UserError as error:
        told = f"{error.what}: OpenBao does not sign for {host} before `groundwork domain add` is run again, or `up`"
        print(told, file=sys.stderr)


def _host(text: str) -> str:
    try:
        return TypeAdapter[str](Host).validate_python(text.rstrip(".").lower())
    except ValidationError:
        raise UserError(what=f"{text!r} is not a host's name", allowed=HOST) from None


def _store(kubeconfig: Path | None) -> DomainStore:
    from components.domains.store import DomainStore
    from local import record
    from local.paths import Paths

    return DomainStore(kubeconfig or record.require(Paths.for_user()).kubeconfig)


def _row(domain: Domain) -> dict[str, JsonValue]:
    status = domain.status
    certificate = status.certificate
    until = certificate.not_after.isoformat(timespec="seconds") if certificate is not None else None
    return {
        "host": domain.spec.host,
        "tenant": domain.metadata.namespace,
        "state": status.state,
        "certificateUntil": until,
        "reason": status.reason,
    }


def _print(domain: Domain, json_: bool) -> None:
    status = domain.status
    if json_:
        print(json.dumps(_row(domain) | {"records": [each.model_dump() for each in status.records]}, indent=2))
        return
    for line in lines(domain.spec.host, status):
        print(line)


def lines(host: str, status: DomainStatus) -> list[str]:
    """What a person is told of a domain."""
    told = [f"{host}: {status.state}" + (f" – {status.reason}" if status.reason else "")]
    if status.certificate is not None:
        told.append(f"certificate until {status.certificate.not_after:%Y-%m-%d %H:%M} UTC, {status.certificate.issuer}")
    if status.state == "Pending" and status.records:
        told += ["", "Set one of these records where the name's DNS is kept:", ""]
        told += [f"  {each.type:<5}  {each.name}  {each.value}" for each in status.records]
        told += ["", "It is looked for by itself; `groundwork domain verify` looks at once."]
    return told
