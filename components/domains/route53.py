"""Domains in AWS: zones in Route 53, certificates from ACM, which renews them itself.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, cloudwatch, kms, route53
from pydantic import JsonValue

from components.aws import Scope, child, document, statement
from components.domains.interface import Domains, Zone, check_zones

COMPONENT = "domains"
VALIDATION_TTL = 300


@dataclass(frozen=True, kw_only=True)
class Route53DomainsArgs:
    """What the zones need.

    `zones`: the environment's own first, whose name is below which tenants answer. `zone_id`: of a hosted zone that is
    there and holds the first zone's names; None makes one, to which the parent must then delegate. `dnssec`: signs the
    zones that are made here. `global_provider`: of us-east-1.
    """

    scope: Scope
    zones: Sequence[Zone]
    zone_id: str | None
    dnssec: bool
    global_provider: pulumi.ProviderResource

    def __post_init__(self) -> None:
        check_zones(self.zones)


class Route53Domains(Domains):
    """The zones, signed, and a certificate for `*.<first zone>` that load balancers use.

    `first_zone_id`: where the wildcard stands. `tenants`: the zones of tenants that are kept here, name → id.
    `certificate`: its ARN, once it is valid.
    """

    first_zone_id: pulumi.Output[str]
    tenants: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: Route53DomainsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:domains:Route53Domains", name, None, opts)
        self._name, self._args = name, args
        key = self._signing_key() if args.dnssec else None
        first, *others = args.zones
        if args.zone_id is None:
            made = self._zone(name, first, key)
            self.first_zone_id, self.nameservers = made.zone_id, made.name_servers
        else:
            self.first_zone_id = pulumi.Output.from_input(args.zone_id)
            self.nameservers = pulumi.Output.from_input([])
        self.tenants = {zone.name: self._zone(f"{name}-{zone.name}", zone, key).zone_id for zone in others}
        self.certificate = certificate(
            name, [f"*.{first.name}", first.name], self.first_zone_id, scope=args.scope, parent=self
        )
        self.register_outputs({"nameservers": self.nameservers, "certificate": self.certificate})

    def _zone(self, name: str, zone: Zone, key: kms.Key | None) -> route53.Zone:
        made = route53.Zone(
            name,
            name=zone.name,
            comment=f"groundwork {self._args.scope.environment}",
            tags=self._args.scope.tags(COMPONENT, tenant=zone.tenant),
            opts=child(self),
        )
        if key is not None:
            signing = route53.KeySigningKey(
                name,
                name="groundwork",
                hosted_zone_id=made.zone_id,
                key_management_service_arn=key.arn,
                status="ACTIVE",
                opts=child(self),
            )
            route53.HostedZoneDnsSec(
                name, hosted_zone_id=made.zone_id, signing_status="SIGNING", opts=child(self, signing)
            )
        return made

    def _signing_key(self) -> kms.Key:
        """P-256, which Route 53 asks for; it may use the key and nobody else may sign with it."""
        scope, provider = self._args.scope, self._args.global_provider
        service: dict[str, JsonValue] = {"Service": "dnssec-route53.amazonaws.com"}
        own: dict[str, JsonValue] = {"StringEquals": {"aws:SourceAccount": scope.account}}
        return kms.Key(
            f"{self._name}-signing",
            description=f"{scope.environment}: DNSSEC",
            key_usage="SIGN_VERIFY",
            customer_master_key_spec="ECC_NIST_P256",
            enable_key_rotation=False,
            deletion_window_in_days=30,
            policy=document(
                statement("kms:*", principal={"AWS": scope.arn("iam", "root", region="")}, sid="Account"),
                statement(
                    ("kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"), principal=service, condition=own, sid="Sign"
                ),
                statement(
                    "kms:CreateGrant",
                    principal=service,
                    condition=own | {"Bool": {"kms:GrantIsForAWSResource": "true"}},
                    sid="Grant",
                ),
            ),
            tags=scope.tags(COMPONENT),
            opts=child(self, provider=provider),
        )


def certificate(  # noqa: PLR0913 – what it is for, where it is proven, whose it is
    name: str,
    hosts: Sequence[str],
    zone_id: pulumi.Input[str],
    *,
    scope: Scope,
    parent: pulumi.Resource,
    tenant: str | None = None,
) -> pulumi.Output[str]:
    """The ARN of a certificate for `hosts`, once ACM has seen the proof in the zone.

    The proof stays there, so that ACM renews by itself. `hosts`: a name alone, or its wildcard and it,
    which have one proof.
    """
    asked = ask_certificate(name, hosts, scope=scope, parent=parent, tenant=tenant)
    proof = asked.domain_validation_options[0]
    record = route53.Record(
        f"{name}-proof",
        zone_id=zone_id,
        name=proof.resource_record_name,
        type=proof.resource_record_type,
        ttl=VALIDATION_TTL,
        records=[proof.resource_record_value],
        opts=child(parent),
    )
    valid = acm.CertificateValidation(
        name, certificate_arn=asked.arn, validation_record_fqdns=[record.fqdn], opts=child(parent)
    )
    return valid.certificate_arn


def ask_certificate(
    name: str, hosts: Sequence[str], *, scope: Scope, parent: pulumi.Resource, tenant: str | None = None
) -> acm.Certificate:
    """A certificate for `hosts` that is asked for: of no use until ACM has seen the proof, wherever it has to stand."""
    main, *more = hosts
    return acm.Certificate(
        name,
        domain_name=main,
        subject_alternative_names=more or None,
        validation_method="DNS",
        key_algorithm="EC_prime256v1",
        options=acm.CertificateOptionsArgs(certificate_transparency_logging_preference="ENABLED"),
        tags=scope.tags(COMPONENT, tenant=tenant),
        opts=child(parent),
    )


def lead_to_balancer(  # noqa: PLR0913 – a name, where it stands, where it leads
    name: str,
    host: str,
    zone_id: pulumi.Input[str],
    *,
    balancer: pulumi.Input[str],
    balancer_zone_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> None:
    """An alias of the load balancer. `balancer`: its name in DNS; `balancer_zone_id`: its own zone."""
    route53.Record(
        name,
        zone_id=zone_id,
        name=host,
        type="A",
        aliases=[route53.RecordAliasArgs(name=balancer, zone_id=balancer_zone_id, evaluate_target_health=True)],
        opts=child(parent),
    )


@dataclass(frozen=True, kw_only=True)
class NamesArgs:
    """Names that lead to a load balancer. `balancer_zone_id`: its own, which aliases need.

    `health_host`: what is asked from outside; `health_topic`: who is told, in us-east-1, None where nobody can ask.
    """

    scope: Scope
    zone_id: pulumi.Input[str]
    hosts: Sequence[str]
    balancer: pulumi.Input[str]
    balancer_zone_id: pulumi.Input[str]
    health_host: str
    health_topic: pulumi.Input[str] | None
    global_provider: pulumi.ProviderResource


class Names(pulumi.ComponentResource):
    """Aliases of the load balancer, and a check of one of them from all over the world."""

    def __init__(self, name: str, args: NamesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:domains:Names", name, None, opts)
        for host in args.hosts:
            lead_to_balancer(
                f"{name}-{host.replace('*', 'any')}",
                host,
                args.zone_id,
                balancer=args.balancer,
                balancer_zone_id=args.balancer_zone_id,
                parent=self,
            )
        if args.health_topic is not None:
            self._check(name, args, args.health_topic)
        self.register_outputs({})

    def _check(self, name: str, args: NamesArgs, topic: pulumi.Input[str]) -> None:
        check = route53.HealthCheck(
            name,
            type="HTTPS",
            fqdn=args.health_host,
            port=443,
            resource_path="/",
            enable_sni=True,
            request_interval=30,
            failure_threshold=3,
            measure_latency=True,
            tags=args.scope.tags(COMPONENT, name=args.health_host),
            opts=child(self),
        )
        cloudwatch.MetricAlarm(
            name,
            name=args.scope.name("unreachable"),
            alarm_description=f"{args.health_host} is not reached from outside (docs/runbooks/aws.md)",
            namespace="AWS/Route53",
            metric_name="HealthCheckStatus",
            dimensions={"HealthCheckId": check.id},
            statistic="Minimum",
            period=60,
            evaluation_periods=2,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=args.scope.tags(COMPONENT),
            opts=child(self, provider=args.global_provider),
        )
