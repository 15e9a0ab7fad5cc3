"""What an environment is made of: its cluster's provider, its tenants and their agents.  (docs/environments.md)"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.agents.manifest import AgentManifest, ManifestError, load_manifest
from components.problems import as_user_error
from components.units import is_by_digest
from groundwork.errors import UserError
from local.paths import Paths
from stacks.settings import AgentSettings, Settings, TenantSettings

if TYPE_CHECKING:
    import pulumi

    from components.tenancy.tenant import TenantAgent, TenantArgs


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment's name and settings, with what they point to. `folder`: where paths in them begin."""

    name: str
    settings: Settings
    folder: Path
    kubeconfig: Path
    images: Mapping[str, str]

    @classmethod
    def of(cls, name: str, settings: Settings, folder: Path) -> Environment:
        """Find the kubeconfig and the images that the settings ask for. Raises UserError."""
        return cls(
            name=name,
            settings=settings,
            folder=folder,
            kubeconfig=_kubeconfig(settings, folder),
            images=_images(settings),
        )

    def image(self, manifest: AgentManifest) -> str:
        """The reference by digest that the manifest's image stands for here."""
        image = manifest.spec.image
        if is_by_digest(image):
            return image
        if image not in self.images:
            raise UserError(
                what=f"agent {manifest.name}: there is no image {image!r}",
                allowed=", ".join(sorted(self.images)) or "none is built yet",
                fix=f"groundwork images build {image}",
            )
        return self.images[image]

    def build(self) -> None:
        """Declare the environment's resources and the stack's outputs."""
        import pulumi
        from pulumi_kubernetes import Provider

        from components.tenancy.tenant import Tenant

        # The path and never the content: that would put the administrator's key into the state.
        provider = Provider("cluster", kubeconfig=str(self.kubeconfig), enable_server_side_apply=True)
        everything = [(tenant, self._tenant(tenant)) for tenant in self.settings.tenants]
        for tenant, args in everything:
            Tenant(tenant.name, args, pulumi.ResourceOptions(provider=provider))
        pulumi.export("agents", {key: row for tenant, args in everything for key, row in _rows(tenant, args).items()})

    def _tenant(self, tenant: TenantSettings) -> TenantArgs:
        from components.labels import Owner
        from components.tenancy.tenant import Quota, TenantArgs

        quota = tenant.quota
        return TenantArgs(
            owner=Owner(environment=self.name, tenant=tenant.name, cost_centre=tenant.cost_centre),
            agents=[self._agent(agent) for agent in tenant.agents],
            quota=Quota(cpu=quota.cpu, memory=quota.memory, pods=quota.pods) if quota else None,
            cluster_networks=self.settings.cluster_networks,
        )

    def _agent(self, agent: AgentSettings) -> TenantAgent:
        from components.tenancy.tenant import TenantAgent

        manifest = read_manifest(agent, self.folder)
        return TenantAgent(manifest=manifest, image=self.image(manifest), node_port=agent.node_port)


def read_manifest(agent: AgentSettings, folder: Path) -> AgentManifest:
    """The manifest that the settings name. Raises UserError with every problem."""
    try:
        return load_manifest(folder / agent.manifest, agent.manifest)
    except ManifestError as error:
        raise as_user_error(error) from None


def _rows(tenant: TenantSettings, args: TenantArgs) -> dict[str, dict[str, pulumi.Input[str]]]:
    """One row an agent, by tenant/agent: what the tables of addresses are made from."""
    rows: dict[str, dict[str, pulumi.Input[str]]] = {}
    for agent in args.agents:
        name, tier = agent.manifest.name, agent.manifest.spec.tier
        inside = f"http://{name}.{tenant.name}.svc"
        address = f"http://127.0.0.1:{agent.node_port}" if agent.node_port else inside
        rows[f"{tenant.name}/{name}"] = {"tenant": tenant.name, "agent": name, "tier": tier, "address": address}
    return rows


def _kubeconfig(settings: Settings, folder: Path) -> Path:
    """What `groundwork up --kubeconfig` said, otherwise the setting, otherwise the local node's."""
    given = os.environ.get("GROUNDWORK_KUBECONFIG") or settings.kubeconfig
    file = folder / Path(given).expanduser() if given else Paths.for_user().kubeconfig
    if not file.is_file():
        raise UserError(
            what="there is no kubeconfig",
            where=str(file),
            allowed="the setting groundwork:kubeconfig, or a local node's own",
            fix="groundwork up local",
        )
    return file


def _images(settings: Settings) -> Mapping[str, str]:
    """Name → reference by digest: what the settings say, otherwise what was built on this machine."""
    if settings.images is not None:
        found, where = settings.images, "groundwork:images"
    else:
        file = Paths.for_user().image_digests
        found, where = _built(file), str(file)
    for name, reference in found.items():
        if not is_by_digest(reference):
            raise UserError(
                what=f"image {name}: {reference!r} is not by digest",
                where=where,
                allowed="repository/name@sha256:…",
                fix=f"groundwork images build {name}",
            )
    return found


def _built(file: Path) -> dict[str, str]:
    try:
        content: object = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(what="is not a list of images", where=str(file), fix="groundwork images build")
    return {str(name): str(reference) for name, reference in content.items()}
