"""ECS on Fargate: a cluster whose services find each other by Service Connect, with TLS between.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import acmpca, cloudwatch, ec2, ecs, iam, servicediscovery, vpc

from components.aws import Scope, child, document, statement, trust
from groundwork.errors import UserError

COMPONENT = "cluster"
# Where the proxies of Service Connect listen: the load balancer comes to the services' own port beside it.
MESH_PORT = 8443
# The name that ECS's tags must have on an authority which Service Connect may ask.
MANAGED = {"AmazonECSManaged": "true"}


@dataclass(frozen=True, kw_only=True)
class EcsArgs:
    """What a cluster needs. `spot_percent`: how much of what is above the first task of each service runs on spot."""

    scope: Scope
    vpc_id: pulumi.Input[str]
    keys: Mapping[str, pulumi.Input[str]]
    spot_percent: int = 0
    log_days: int = 90

    def __post_init__(self) -> None:
        if not 0 <= self.spot_percent <= 100:
            raise UserError(what=f"spot_percent: {self.spot_percent}", allowed="from 0 to 100")


class Ecs(pulumi.ComponentResource):
    """The cluster with Container Insights, its private authority, and the roles by which tasks start.

    `security_group_id`: a security group that every service is in, within which Service Connect is open.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    namespace_arn: pulumi.Output[str]
    authority_arn: pulumi.Output[str]
    tls_role_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    log_group: pulumi.Output[str]
    metrics_group: pulumi.Output[str]
    balancer_role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: EcsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:cluster:Ecs", name, None, opts)
        self._name, self._args = name, args
        scope = args.scope
        logs = self._log_group("services")
        namespace = servicediscovery.HttpNamespace(
            name,
            name=scope.name("services"),
            description="Service Connect: names of the services",
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        cluster = self._cluster(namespace, self._log_group("exec"))
        authority = self._authority()
        group = self._group()
        self.arn, self.name = cluster.arn, cluster.name
        self.namespace_arn = namespace.arn
        self.authority_arn = authority.certificate_authority_arn
        self.tls_role_arn = self._tls_role().arn
        self.balancer_role_arn = self._balancer_role().arn
        self.security_group_id = group.id
        self.log_group = logs.name
        self.metrics_group = self._log_group("metrics").name
        self.register_outputs({"arn": self.arn})

    def _log_group(self, part: str) -> cloudwatch.LogGroup:
        scope = self._args.scope
        return cloudwatch.LogGroup(
            f"{self._name}-{part}",
            name=f"/groundwork/{scope.environment}/{part}",
            retention_in_days=self._args.log_days,
            kms_key_id=self._args.keys["logs"],
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )

    def _cluster(self, namespace: servicediscovery.HttpNamespace, sessions: cloudwatch.LogGroup) -> ecs.Cluster:
        scope, percent = self._args.scope, self._args.spot_percent
        cluster = ecs.Cluster(
            self._name,
            name=scope.name("cluster"),
            settings=[ecs.ClusterSettingArgs(name="containerInsights", value="enhanced")],
            configuration=ecs.ClusterConfigurationArgs(
                execute_command_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                    kms_key_id=self._args.keys["logs"],
                    logging="OVERRIDE",
                    log_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                        cloud_watch_encryption_enabled=True, cloud_watch_log_group_name=sessions.name
                    ),
                )
            ),
            service_connect_defaults=ecs.ClusterServiceConnectDefaultsArgs(namespace=namespace.arn),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        shares = {"FARGATE": 100 - percent, "FARGATE_SPOT": percent}
        ecs.ClusterCapacityProviders(
            self._name,
            cluster_name=cluster.name,
            capacity_providers=list(shares),
            default_capacity_provider_strategies=[
                ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                    capacity_provider=provider, weight=weight, base=1 if provider == "FARGATE" else None
                )
                for provider, weight in shares.items()
                if weight
            ],
            opts=child(self),
        )
        return cluster

    def _authority(self) -> acmpca.CertificateAuthorityCertificate:
        """A root of the environment's own, for certificates that live a week: what Service Connect asks for."""
        scope = self._args.scope
        algorithm, signing = "EC_prime256v1", "SHA256WITHECDSA"
        authority = acmpca.CertificateAuthority(
            self._name,
            type="ROOT",
            usage_mode="SHORT_LIVED_CERTIFICATE",
            certificate_authority_configuration=acmpca.CertificateAuthorityCertificateAuthorityConfigurationArgs(
                key_algorithm=algorithm,
                signing_algorithm=signing,
                subject=acmpca.CertificateAuthorityCertificateAuthorityConfigurationSubjectArgs(
                    common_name=scope.name("services")
                ),
            ),
            permanent_deletion_time_in_days=30,
            tags=scope.tags(COMPONENT) | MANAGED,
            opts=child(self),
        )
        root = acmpca.Certificate(
            self._name,
            certificate_authority_arn=authority.arn,
            certificate_signing_request=authority.certificate_signing_request,
            signing_algorithm=signing,
            template_arn="arn:aws:acm-pca:::template/RootCACertificate/V1",
            validity=acmpca.CertificateValidityArgs(type="YEARS", value="10"),
            opts=child(self),
        )
        return acmpca.CertificateAuthorityCertificate(
            self._name,
            certificate_authority_arn=authority.arn,
            certificate=root.certificate,
            certificate_chain=root.certificate_chain,
            opts=child(self),
        )

    def _group(self) -> ec2.SecurityGroup:
        scope = self._args.scope
        group = ec2.SecurityGroup(
            f"{self._name}-services",
            name=scope.name("services"),
            description="Services reach each other by Service Connect",
            vpc_id=self._args.vpc_id,
            tags=scope.tags(COMPONENT, name="services"),
            opts=child(self),
        )
        tags = scope.tags(COMPONENT)
        vpc.SecurityGroupIngressRule(
            f"{self._name}-services",
            security_group_id=group.id,
            description="From each other, to the proxies",
            ip_protocol="tcp",
            from_port=MESH_PORT,
            to_port=MESH_PORT,
            referenced_security_group_id=group.id,
            tags=tags,
            opts=child(self),
        )
        vpc.SecurityGroupEgressRule(
            f"{self._name}-services",
            security_group_id=group.id,
            description="To each other's proxies",
            ip_protocol="tcp",
            from_port=MESH_PORT,
            to_port=MESH_PORT,
            referenced_security_group_id=group.id,
            tags=tags,
            opts=child(self),
        )
        return group

    def _tls_role(self) -> iam.Role:
        """By which ECS gets certificates for Service Connect and gives them to the proxies."""
        scope, name = self._args.scope, "service-connect-tls"
        managed = "service-role/AmazonECSInfrastructureRolePolicyForServiceConnectTransportLayerSecurity"
        role = self._role("tls", name, managed)
        key = iam.Policy(
            f"{self._name}-tls-key",
            name=scope.name(name),
            policy=pulumi.Output.from_input(self._args.keys["secrets"]).apply(
                lambda arn: document(
                    statement(("kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:Encrypt"), arn)
                )
            ),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        iam.RolePolicyAttachment(f"{self._name}-tls-key", role=role.name, policy_arn=key.arn, opts=child(self))
        return role

    def _balancer_role(self) -> iam.Role:
        """By which ECS moves a listener rule's requests from one version's targets to the next one's."""
        return self._role("balancer", "ecs-load-balancer", "AmazonECSInfrastructureRolePolicyForLoadBalancers")

    def _role(self, part: str, name: str, managed: str) -> iam.Role:
        """A role of ECS itself, with a policy that AWS keeps for it."""
        scope = self._args.scope
        role = iam.Role(
            f"{self._name}-{part}",
            name=scope.name(name),
            assume_role_policy=trust("ecs.amazonaws.com", account=scope.account),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        iam.RolePolicyAttachment(
            f"{self._name}-{part}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{managed}",
            opts=child(self),
        )
        return role
