"""What an environment in AWS is made of.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stacks.aws_settings import AwsSettings, EcsSettings, EksSettings
from stacks.settings import Settings

if TYPE_CHECKING:
    import pulumi
    from pulumi_aws import Provider as AwsProvider

    from components.aws import Scope
    from components.cluster.ecs import Ecs
    from components.cluster.eks import Eks
    from components.data.cache import Cache
    from components.data.rds import Postgres
    from components.domains.route53 import Route53Domains
    from components.edge.firewall import TenantRate
    from components.edge.load_balancer import LoadBalancer
    from components.network.network import Network
    from components.observability.aws import Watch
    from stacks.aws_runtimes import Running


# What Route 53 reports and signs with stands in this region only.
GLOBAL_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class AwsEnvironment:
    """An environment's name and settings; `images`: name → by digest. `folder`: the project's."""

    name: str
    settings: Settings
    aws: AwsSettings
    images: Mapping[str, str]
    folder: Path

    @classmethod
    def of(cls, name: str, settings: Settings, aws: AwsSettings, folder: Path) -> AwsEnvironment:
        """Raises UserError where images are missing that the environment needs."""
        from stacks.aws_images import images_of

        return cls(name=name, settings=settings, aws=aws, images=images_of(settings, aws), folder=folder)

    def build(self) -> None:
        """Declare the environment's resources, and the outputs that its tenants' stacks read."""
        import pulumi

        builder = _Builder(self)
        builder.build()
        pulumi.export("images", dict(self.images))
        for key, value in builder.outputs.items():
            pulumi.export(key, value)


class _Builder:
    """Declares the parts in the order in which they need each other."""

    def __init__(self, environment: AwsEnvironment) -> None:
        from pulumi_aws import Provider

        self.outputs: dict[str, pulumi.Input[object]] = {}
        self._name, self._settings, self._aws = environment.name, environment.settings, environment.aws
        self._images, self._folder = environment.images, environment.folder
        self._scope = scope_of(environment.name, environment.aws)
        account = [self._aws.account]
        # Credentials of another account make no resource in it.
        self._here = Provider("aws", region=self._aws.region, allowed_account_ids=account)
        self._global = Provider("global", region=GLOBAL_REGION, allowed_account_ids=account)

    def build(self) -> None:
        from components.cluster.eks import Eks
        from components.observability.aws import AlarmTopic, TopicArgs
        from components.secrets.aws import Keys, KeysArgs
        from stacks.aws_runtimes import Site, on_ecs, on_eks

        scope, aws = self._scope, self._aws
        self._keys = Keys("keys", KeysArgs(scope=scope), self._opts()).arns
        topic = TopicArgs(scope=scope, key=self._keys["logs"], addresses=aws.budget.tell)
        self._topic = AlarmTopic("alarms", topic, self._opts()).arn
        self._registry()
        network = self._network()
        cluster: Eks | Ecs
        if isinstance(aws.cluster, EksSettings):
            cluster = self._eks(network, aws.cluster)
        else:
            cluster = self._ecs(network, aws.cluster)
        database, cache = self._data(network, {"cluster": cluster.security_group_id})
        domains = self._domains()
        balancer = self._balancer(network, domains)
        self._names(domains, balancer)
        watches = self._watches(balancer, database, cache)
        site = Site(
            environment=self._name,
            settings=self._settings,
            aws=aws,
            images=self._images,
            scope=self._scope,
            keys=self._keys,
            network=network,
            balancer=balancer,
            topic=self._topic,
            opts=self._opts(),
        )
        running = on_eks(site, cluster) if isinstance(cluster, Eks) else on_ecs(site, cluster, database)
        self._watch(watches, running)
        self.outputs |= running.outputs
        self.outputs["balancer"] = {
            "listenerArn": balancer.listener_arn,
            "dnsName": balancer.dns_name,
            "zoneId": balancer.zone_id,
            "alarmTopic": self._topic,
            **running.balancer,
        }
        self.outputs["zones"] = dict(domains.tenants)
        self.outputs["nameservers"] = domains.nameservers
        self.outputs["database"] = {"address": database.address, "secretArn": database.secret_arn}
        self.outputs["cache"] = {"address": cache.address}

    def _opts(self, *after: pulumi.Resource, provider: pulumi.ProviderResource | None = None) -> pulumi.ResourceOptions:
        """`provider`: in place of the region's own. Components pass on all that they are given here."""
        import pulumi

        return pulumi.ResourceOptions(providers=[provider or self._here], depends_on=list(after) or None)

    def _registry(self) -> None:
        from components.registry.ecr import Registry, RegistryArgs

        args = RegistryArgs(
            scope=self._scope,
            images=sorted(self._images),
            key=self._keys["images"],
            keep=self._aws.registry.keep,
            replicas=self._aws.registry.replicas,
        )
        Registry("registry", args, self._opts())

    def _network(self) -> Network:
        from components.network.network import Network, NetworkArgs

        settings = self._aws.network
        args = NetworkArgs(
            scope=self._scope,
            cidr=settings.cidr,
            zones=settings.zones,
            nat=settings.nat,
            interface_endpoints=settings.endpoints,
            flow_log_days=settings.flow_log_days,
            logs_key=self._keys["logs"],
        )
        return Network("network", args, self._opts())

    def _eks(self, network: Network, settings: EksSettings) -> Eks:
        from components.cluster.eks import Eks, EksArgs
        from components.cluster.nodes import NodeGroupArgs, Taint
        from components.network.plan import Tier

        groups = {
            name: NodeGroupArgs(
                instance_types=group.instance_types,
                min=group.min,
                max=group.max,
                disk=group.disk,
                capacity=group.capacity,
                labels=group.labels,
                taints=[Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in group.taints],
            )
            for name, group in settings.node_groups.items()
        }
        args = EksArgs(
            scope=self._scope,
            version=settings.version,
            subnet_ids=network.subnet_ids(Tier.PRIVATE),
            service_cidr=settings.service_cidr,
            node_groups=groups,
            keys=self._keys,
            admins=settings.admins,
            viewers=settings.viewers,
            public_access=settings.public_access,
            log_days=settings.log_days,
            karpenter=settings.karpenter,
        )
        # Nodes that go down must still reach AWS: routes and endpoints go after them.
        return Eks("eks", args, self._opts(*network.ready))

    def _ecs(self, network: Network, settings: EcsSettings) -> Ecs:
        from components.cluster.ecs import Ecs, EcsArgs

        args = EcsArgs(
            scope=self._scope,
            vpc_id=network.vpc_id,
            keys=self._keys,
            spot_percent=settings.spot_percent,
            log_days=settings.log_days,
        )
        return Ecs("ecs", args, self._opts(*network.ready))

    def _data(self, network: Network, clients: Mapping[str, pulumi.Input[str]]) -> tuple[Postgres, Cache]:
        from components.data.access import StoreAccess
        from components.data.backup import Backup, BackupArgs
        from components.data.cache import Cache, CacheArgs
        from components.data.rds import Postgres, PostgresArgs
        from components.network.plan import Tier

        access = StoreAccess(scope=self._scope, vpc_id=network.vpc_id, clients=clients)
        subnets = network.subnet_ids(Tier.DATA)
        of_database, of_cache, of_backup = self._aws.database, self._aws.cache, self._aws.backup
        database = PostgresArgs(
            access=access,
            subnet_ids=subnets,
            instance_class=of_database.instance_class,
            storage=of_database.storage,
            max_storage=of_database.max_storage,
            multi_az=of_database.multi_az,
            backup_days=of_database.backup_days,
            rotation_days=of_database.rotation_days,
            deletion_protection=of_database.deletion_protection,
            keys=self._keys,
        )
        cache = CacheArgs(
            access=access,
            subnet_ids=subnets,
            node_type=of_cache.node_type,
            nodes=of_cache.nodes,
            snapshot_days=of_cache.snapshot_days,
            keys=self._keys,
        )
        copy = of_backup.copy_region
        backup = BackupArgs(
            scope=self._scope,
            key=self._keys["backup"],
            days=of_backup.days,
            lock_days=of_backup.lock_days,
            grace_days=of_backup.grace_days,
            copy=scope_of(self._name, self._aws, region=copy) if copy else None,
            copy_days=of_backup.copy_days,
            copy_provider=self._replica(copy) if copy else None,
        )
        Backup("backup", backup, self._opts())
        return Postgres("postgres", database, self._opts()), Cache("cache", cache, self._opts())

    def _replica(self, region: str) -> AwsProvider:
        from pulumi_aws import Provider

        return Provider("replica", region=region, allowed_account_ids=[self._aws.account])

    def _domains(self) -> Route53Domains:
        from components.domains.interface import Zone
        from components.domains.route53 import Route53Domains, Route53DomainsArgs

        dns = self._aws.dns
        tenants = [Zone(name=zone, tenant=tenant) for zone, tenant in self._settings.dns.zones.items()]
        args = Route53DomainsArgs(
            scope=self._scope,
            zones=[Zone(name=self._settings.domain), *tenants],
            zone_id=dns.zone_id,
            dnssec=dns.dnssec,
            global_provider=self._global,
        )
        return Route53Domains("zones", args, self._opts())

    def _balancer(self, network: Network, domains: Route53Domains) -> LoadBalancer:
        from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
        from components.network.plan import Tier

        edge = self._aws.edge
        args = LoadBalancerArgs(
            scope=self._scope,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids(Tier.PRIVATE if edge.internal else Tier.PUBLIC),
            certificate=domains.certificate,
            health_host=self._health_host,
            internal=edge.internal,
            networks=edge.networks,
            rate=edge.rate,
            bot_control=edge.bot_control,
            log_days=edge.log_days,
            logs_key=self._keys["logs"],
            deletion_protection=edge.deletion_protection,
            tenants=self._rates(),
        )
        return LoadBalancer("edge", args, self._opts(*network.ready))

    def _rates(self) -> dict[str, TenantRate]:
        """On EKS the gateway counts."""
        from stacks.ecs_limits import tenant_rates

        if not isinstance(self._aws.cluster, EcsSettings):
            return {}
        return tenant_rates(self._name, self._settings, self._folder)

    @property
    def _health_host(self) -> str:
        return f"health.{self._settings.domain}"

    def _names(self, domains: Route53Domains, balancer: LoadBalancer) -> None:
        from components.domains.route53 import Names, NamesArgs

        args = NamesArgs(
            scope=self._scope,
            zone_id=domains.first_zone_id,
            hosts=[f"*.{self._settings.domain}"],
            balancer=balancer.dns_name,
            balancer_zone_id=balancer.zone_id,
            health_host=self._health_host,
            health_topic=self._health_topic(),
            global_provider=self._global,
        )
        Names("names", args, self._opts())

    def _health_topic(self) -> pulumi.Output[str] | None:
        """Who hears of the check from outside; an internal load balancer is not reached from where Route 53 checks."""
        from components.observability.aws import AlarmTopic, TopicArgs
        from components.secrets.aws import RegionKey, RegionKeyArgs

        if not self._aws.dns.health_check or self._aws.edge.internal:
            return None
        scope, opts = scope_of(self._name, self._aws, region=GLOBAL_REGION), self._opts(provider=self._global)
        key = RegionKey("health-key", RegionKeyArgs(scope=scope, purpose="logs"), opts).arn
        args = TopicArgs(scope=scope, key=key, addresses=self._aws.budget.tell, part="health")
        return AlarmTopic("health", args, opts).arn

    def _watches(self, balancer: LoadBalancer, database: Postgres, cache: Cache) -> dict[str, Watch]:
        from stacks.aws_watches import data_watches, edge_watches

        storage = self._aws.database.storage
        stores = data_watches(database.identifier, cache.group_id, storage)
        return {**edge_watches(balancer.arn_suffix), **stores}

    def _watch(self, watches: Mapping[str, Watch], running: Running) -> None:
        from components.cost.budget import MonthlyBudget, MonthlyBudgetArgs
        from components.observability.aws import Alarms, AlarmsArgs

        alarms = AlarmsArgs(
            scope=self._scope,
            topic=self._topic,
            watches={**watches, **running.watches},
            logs=running.logs,
            graphs=running.graphs,
        )
        Alarms("watch", alarms, self._opts())
        budget = MonthlyBudgetArgs(scope=self._scope, dollars=self._aws.budget.dollars, topic=self._topic)
        MonthlyBudget("budget", budget, self._opts())


def scope_of(environment: str, aws: AwsSettings, *, region: str | None = None, cost_centre: str | None = None) -> Scope:
    """The scope of an environment, in its own region or another one. `cost_centre`: a tenant's, of what it pays for."""
    from components.aws import Scope

    return Scope(
        environment=environment,
        account=aws.account,
        region=region or aws.region,
        cost_centre=cost_centre or aws.cost_centre,
    )
