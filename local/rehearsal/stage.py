"""Where an environment is rehearsed: an emulated account, a scratch control plane, an engine, all of their own."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from groundwork.console import Progress
from groundwork.errors import UserError
from local.aws_plugin.journal import VARIABLE, Journal
from local.aws_plugin.recovery import Finder
from local.cluster import Cluster
from local.engine.operation import Operator
from local.engine.recovery import Find, PendingCreate
from local.engine.workspace import OUR_AWS_PLUGIN, OUR_PLUGIN, Engine
from local.layers import ADMISSION
from local.paths import CHECKOUT, Paths
from local.rehearsal import nodes
from local.rehearsal.account import EmulatedAccount, emulated, variables
from local.rehearsal.gatekeeper import Ports, Standin
from local.rehearsal.passage import configuration, passage
from local.rehearsal.ports import free_ports

if TYPE_CHECKING:
    from local.toolchain import Toolchain

GATEKEEPER = "gatekeeper-manager"


@dataclass(frozen=True)
class Place:
    """Where the environment lives: `number` and `region` of its account; `eks`: whether it has a Kubernetes cluster.

    `others`: regions beside its own that it makes something in. `tenants`, `layers`: those that the settings list.
    """

    environment: str
    number: str
    region: str
    eks: bool
    others: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: str, checkout: Path = CHECKOUT) -> Place:
        """From the environment's settings. Raises UserError where they name no account."""
        from stacks.aws_environment import GLOBAL_REGION
        from stacks.settings import settings_file

        file = settings_file(environment, checkout)
        settings = (yaml.safe_load(file.read_text("utf-8")) or {}).get("config", {})
        aws = settings.get("groundwork:aws")
        if not isinstance(aws, Mapping):
            raise UserError(
                what=f"{environment!r} is not in AWS", where=file.name, allowed="an environment with groundwork:aws",
                fix="local runs for real: groundwork up local",
            )  # fmt: skip
        kind = (aws.get("cluster") or {}).get("kind")
        copies = (aws.get("backup") or {}).get("copyRegion")
        others = {GLOBAL_REGION, *([copies] if copies else []), *(aws.get("registry") or {}).get("replicas", [])}
        return cls(
            environment=environment,
            number=str(aws["account"]),
            region=str(aws["region"]),
            eks=kind == "eks",
            others=tuple(sorted(others - {aws["region"]})),
            tenants=tuple(settings.get("groundwork:tenants", [])),
            layers=tuple(settings.get("groundwork:layers", [])),
        )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a rehearsal plays on, and nothing else uses. `cluster`: None where the environment has none; `gatekeeper`:
    where it has the layer `admission`.
    """

    place: Place
    paths: Paths
    account: EmulatedAccount
    cluster: Cluster | None
    operator: Operator
    gatekeeper: Standin | None = None

    @property
    def journal(self) -> Path:
        """Where the AWS plugin notes what it makes."""
        return _journal(self.paths)


@contextmanager
def stage(environment: str, user: Paths, progress: Progress) -> Iterator[Stage]:
    """All of it, for as long as the block lasts; what it needs in the environment is set meanwhile."""
    place = Place.of(environment)
    # Below /tmp and short: a unix socket's path has a limit.
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    paths = Paths(cache=user.cache, data=folder)
    try:
        with emulated(place.number, place.region, folder / "account.log", place.others) as account:
            given = {
                **account.variables,
                VARIABLE: str(_journal(paths)),
                "GROUNDWORK_HOME": str(folder),
                "GROUNDWORK_IMAGES": "simulated",
                "GROUNDWORK_PYTHON": sys.executable,
            }
            with variables(given), _cluster(place, paths, progress) as (cluster, gatekeeper):
                operator = operator_in(paths, progress, cluster)
                yield Stage(
                    place=place,
                    paths=paths,
                    account=account,
                    cluster=cluster,
                    operator=operator,
                    gatekeeper=gatekeeper,
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _journal(paths: Paths) -> Path:
    return paths.data / "journal"


@contextmanager
def _cluster(
    place: Place, paths: Paths, progress: Progress
) -> Iterator[tuple[Cluster, Standin | None] | tuple[None, None]]:
    """A scratch control plane whose only nodes are those that the account's node groups ask for; and what answers for
    Gatekeeper, where the environment has it.
    """
    if not place.eks:
        yield None, None
        return
    from local import toolchain

    asked = (GATEKEEPER,) if ADMISSION in place.layers else ()
    tools = toolchain.ensure((*toolchain.SIMULATED, *toolchain.ENGINE, *toolchain.CHARTS, *asked), progress=progress)
    with free_ports(9, paths.cache / "ports") as ports, _cluster_on(ports, place, paths, tools, progress) as made:
        yield made


@contextmanager
def _cluster_on(
    ports: int, place: Place, paths: Paths, tools: Toolchain, progress: Progress
) -> Iterator[tuple[Cluster, Standin | None]]:
    """The same, on nine ports in a row."""
    from local import node, record
    from local.record import Record, Way

    socket_file, egress = paths.data / "passage", paths.data / "egress.json"
    egress.write_text(configuration(socket_file), "utf-8")
    settings = replace(node.NodeSettings.simulated(paths.data / "node", ports, paths.kubeconfig), egress=egress)
    try:
        node.up(settings, tools, progress)
        record.write(paths, Record(way=Way.SIMULATED, stack="rehearsal", kubeconfig=settings.kubeconfig.resolve()))
        cluster = Cluster(kubectl=tools.path("kubectl"), kubeconfig=settings.kubeconfig)
        nodes.drop_own(cluster, str(tools.path("kubectl")), settings.name)
        with variables({"GROUNDWORK_KUBECONFIG": str(settings.kubeconfig.resolve())}), passage(socket_file) as way:
            standin = (
                Standin(
                    cluster=cluster,
                    program=tools.path(GATEKEEPER),
                    folder=paths.data / "gatekeeper",
                    passage=way,
                    ports=Ports(webhook=ports + 6, health=ports + 7, metrics=ports + 8),
                )
                if ADMISSION in place.layers
                else None
            )
            yield cluster, standin
    finally:
        node.down(settings, progress)


def operator_in(paths: Paths, progress: Progress, cluster: Cluster | None = None) -> Operator:
    """What runs the engine on a stage; whoever calls it has the stage's variables in its environment."""
    from local import toolchain

    tools = toolchain.ensure((*toolchain.ENGINE, *toolchain.CHARTS, "kubectl"), progress=progress)
    engine = Engine(
        pulumi=tools.path("pulumi"),
        paths=paths,
        plugin=OUR_PLUGIN if toolchain.vendor_plugin("kubernetes") is None else None,
        tools=tools.bin_dir,
        more=(OUR_AWS_PLUGIN,) if toolchain.vendor_plugin("aws") is None else (),
    )
    found = finder(Finder(Journal(_journal(paths))))
    of = cluster or Cluster(kubectl=tools.path("kubectl"), kubeconfig=paths.kubeconfig)
    return Operator(engine=engine, cluster=of, progress=progress, find=found)


def finder(found: Finder) -> Find:
    """What tells of a resource in the account that a killed run had made."""

    def find(create: PendingCreate, deployment: Mapping[str, object]) -> str | None:
        if not str(create.resource["type"]).startswith("aws:"):
            return None
        rows = deployment.get("resources")
        resources = rows if isinstance(rows, list) else []
        owner = str(create.resource.get("provider", "")).rpartition("::")[0]
        provider: Mapping[str, Mapping[str, object]] = next((row for row in resources if row["urn"] == owner), {})
        return found.find(create.urn, create.inputs, provider.get("inputs") or {})

    return find
