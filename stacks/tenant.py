"""What a tenant's stack, `<env>.<tenant>`, is made of.  (docs/tenants.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.agents.manifest import AgentManifest
from components.platform.specs import Issuer, RateLimit, Suspended, TenantSpec
from components.units import is_by_digest
from groundwork.errors import UserError
from local.paths import Paths
from stacks.environment import cluster, find_kubeconfig, given_kubeconfig, shared_of
from stacks.own_names import OwnName, own_names
from stacks.settings import Settings
from stacks.tenant_settings import TenantFolder
from stacks.versions import serving_tenant, versions

if TYPE_CHECKING:
    import pulumi

    from components.data.place import DatabasePlace
    from components.tenancy.tenant import TenantAgent, TenantArgs


@dataclass(frozen=True, kw_only=True)
class TenantStack:
    """A tenant of an environment: what its folder declares, on what the environment's stack made.

    `settings`: the environment's own. `folder`: the project's.
    """

    environment: str
    settings: Settings
    tenant: TenantFolder
    kubeconfig: Path | None
    folder: Path

    @classmethod
    def of(cls, environment: str, settings: Settings, tenant: TenantFolder, folder: Path) -> TenantStack:
        """Find the kubeconfig that the environment's settings ask for; in AWS the environment's stack has it.

        Raises UserError.
        """
        kubeconfig = find_kubeconfig(settings, folder) if settings.aws is None else given_kubeconfig()
        return cls(environment=environment, settings=settings, tenant=tenant, kubeconfig=kubeconfig, folder=folder)

    def build(self) -> None:
        """Declare the tenant's resources, and the stack's outputs."""
        import pulumi

        from components.tenancy.tenant import Tenant

        shared = shared_of(self.environment)
        names = own_names(self.environment, self.settings, self.tenant.settings, self.folder)
        args = self._args(shared, names)
        if self.settings.aws is not None and self.settings.aws.cluster.kind == "ecs":
            from stacks.ecs_limits import refuse_unlisted
            from stacks.ecs_tenant import declare

            refuse_unlisted(self.environment, self.settings, self.tenant.settings)
            declare(self.environment, self.settings, args, self.tenant.settings.rotation_days, shared)
        else:
            self._refuse_rotation()
            provider = cluster(self.kubeconfig or shared.require_output("kubeconfig"))
            # Also where no image is read from it: what once depended on it comes after it in every run with a target.
            opts = pulumi.ResourceOptions(provider=provider, depends_on=[shared])
            Tenant(self.tenant.settings.name, args, opts)
        if self.settings.aws is not None and names:
            from stacks.aws_hosts import declare as declare_hosts

            pulumi.export("hosts", declare_hosts(self.environment, self.settings.aws, args, names, shared))
        pulumi.export("agents", self._rows())

    def _refuse_rotation(self) -> None:
        """In a cluster the schedule stands beside the secret, in OpenBao."""
        for path in self.tenant.settings.rotation_days:
            raise UserError(
                what=f"tenant {self.tenant.settings.name}: rotationDays: is for environments on ECS",
                fix=f"groundwork vault put {self.tenant.settings.name} {path} --rotate 30d (docs/secrets.md)",
            )

    def _args(self, shared: pulumi.StackReference, names: Sequence[OwnName]) -> TenantArgs:
        from components.labels import Owner
        from components.tenancy.tenant import Quota, TenantArgs

        settings = self.tenant.settings
        quota = settings.quota
        return TenantArgs(
            owner=Owner(environment=self.environment, tenant=settings.name, cost_centre=settings.cost_centre),
            agents=self._agents(shared.require_output("images")),
            quota=Quota(cpu=quota.cpu, memory=quota.memory, pods=quota.pods) if quota else None,
            cluster_networks=self.settings.cluster_networks,
            spec=self._spec([name.host for name in names if name.served]),
            # Where a load balancer ends TLS, it needs the certificates, and the cluster's operator none.
            custom_hosts=settings.hosts if self.settings.aws is None else (),
            traced="observability" in self.settings.layers,
            authority=authority() if self._asks_for_secrets() else None,
            database=self._database(shared) if self._asks_for_secrets() else None,
        )

    def _database(self, shared: pulumi.StackReference) -> DatabasePlace | None:
        """Where agents' users are made; None where the environment makes none."""
        from components.data.place import DatabasePlace
        from stacks.secrets_layer import outside

        wanted = self.settings.secrets.postgres
        if wanted == "rds" and self.settings.aws is not None:
            return outside(self.settings.aws, shared)
        return DatabasePlace.inside(authority()) if wanted else None

    def _asks_for_secrets(self) -> bool:
        asks = any(manifest.spec.secrets for manifest in self.tenant.agents)
        return asks and "secrets" in self.settings.layers

    def _spec(self, own: Sequence[str]) -> TenantSpec:
        settings = self.tenant.settings
        return TenantSpec(
            hosts=[self._host, *own],
            suspended=Suspended(reason=settings.suspended.reason) if settings.suspended else None,
            issuers=[
                Issuer(issuer=row.issuer, audiences=list(row.audiences), jwks=row.jwks, jwks_uri=row.jwks_uri)
                for row in settings.issuers
            ],
            rate_limit=RateLimit(requests_per_second=settings.limits.requests_per_second) if settings.limits else None,
            flags=settings.flags,
            branding=settings.branding,
            retention_days=settings.retention_days,
        )

    def _agents(self, images: pulumi.Output[Mapping[str, str]]) -> list[TenantAgent]:
        """The agents, and while one bill takes another's place their candidates too; a suspended tenant has none."""
        from components.tenancy.tenant import Candidate, TenantAgent

        rollout = self.settings.rollout
        if rollout is None or self.tenant.settings.suspended:
            return [self._agent(manifest, images) for manifest in self.tenant.agents]
        serving = serving_tenant(rollout, self.environment, self.tenant.settings.name)
        return [
            TenantAgent(
                manifest=version.manifest,
                image=version.image,
                candidate=Candidate(manifest=new.manifest, image=new.image, percent=rollout.percent) if new else None,
            )
            for version, new in versions(rollout, serving, self.tenant, self.settings.images or {})
        ]

    def _agent(self, manifest: AgentManifest, images: pulumi.Output[Mapping[str, str]]) -> TenantAgent:
        from components.tenancy.tenant import TenantAgent

        image = manifest.spec.image
        reference: pulumi.Input[str] = image
        if not is_by_digest(image):
            reference = images.apply(lambda known: pick(image, manifest.name, known))
        return TenantAgent(manifest=manifest, image=reference)

    def _rows(self) -> dict[str, dict[str, str]]:
        """One row an agent, by tenant/agent: what the tables of addresses are made from."""
        tenant = self.tenant.settings.name
        return {
            f"{tenant}/{manifest.name}": {
                "tenant": tenant,
                "agent": manifest.name,
                "tier": manifest.spec.tier,
                "address": f"https://{self._host}/agents/{manifest.name}",
                "state": "suspended" if self.tenant.settings.suspended else "up",
            }
            for manifest in self.tenant.agents
        }

    @property
    def _host(self) -> str:
        return f"{self.tenant.settings.name}.{self.settings.domain}"


def authority() -> str:
    """What signs the certificates of the environment's secret store. Raises UserError where nobody made it yet."""
    file = Paths.for_user().openbao_authority
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(
            what="the secret store has no authority yet", where=str(file), fix="bring the layer up: groundwork up"
        ) from None


def pick(image: str, agent: str, known: Mapping[str, str]) -> str:
    """The reference by digest that a manifest's image stands for in this environment. Raises RunError."""
    import pulumi

    if image in known:
        return known[image]
    error = UserError(
        what=f"agent {agent}: there is no image {image!r}",
        allowed=", ".join(sorted(known)) or "none is built yet",
        fix=f"groundwork images build {image}, then groundwork up",
    )
    raise pulumi.RunError(str(error))
