"""A tenant's own name at a load balancer: its certificate by ACM, and the way in.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, cloudwatch, lb

from components.aws import Scope, child
from components.domains.route53 import COMPONENT, ask_certificate, certificate, lead_to_balancer

# ACM looks for a proof within minutes of it being there; the engine would wait for 75.
PROOF_TIMEOUT = "10m"
# ACM renews from 60 days before the end on (its user guide, "Renewal for domains validated by DNS"): what is not
# renewed by now has lost its proof.
LEFT_DAYS = 30
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Balancer:
    """The environment's load balancer. `target_arn`: the group of targets that has the gateway, None where services
    have rules of their own; `alarm_topic`: who is told.
    """

    listener_arn: pulumi.Input[str]
    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    target_arn: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class OwnHostArgs:
    """`leads_to`: the tenant's name below the environment's domain. `zone_id`: of a zone kept here that has the host;
    None where somebody else keeps it, who has then `proven` it by the record that ACM asks for, or not yet.
    """

    scope: Scope
    tenant: str
    host: str
    leads_to: str
    balancer: Balancer
    zone_id: pulumi.Input[str] | None
    proven: bool


class OwnHost(pulumi.ComponentResource):
    """`records`: what the name's owner has to set where its DNS is kept, each with type, name and value.

    A host that is not proven yet has a certificate that is asked for, and nothing else.
    """

    records: pulumi.Output[list[Mapping[str, str]]]

    def __init__(self, name: str, args: OwnHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:domains:OwnHost", name, None, opts)
        self._name, self._args = name, args
        if args.zone_id is not None:
            valid = certificate(name, [args.host], args.zone_id, scope=args.scope, parent=self, tenant=args.tenant)
            lead_to_balancer(
                name,
                args.host,
                args.zone_id,
                balancer=args.balancer.dns_name,
                balancer_zone_id=args.balancer.zone_id,
                parent=self,
            )
            self.records = pulumi.Output.from_input([])
            self._serve(valid)
        else:
            asked = ask_certificate(name, [args.host], scope=args.scope, parent=self, tenant=args.tenant)
            self.records = asked.domain_validation_options.apply(self._asked)
            if args.proven:
                self._serve(self._valid(asked))
        self.register_outputs({"host": args.host, "records": self.records})

    def _valid(self, asked: acm.Certificate) -> pulumi.Output[str]:
        timeouts = pulumi.CustomTimeouts(create=PROOF_TIMEOUT)
        opts = pulumi.ResourceOptions.merge(child(self), pulumi.ResourceOptions(custom_timeouts=timeouts))
        return acm.CertificateValidation(self._name, certificate_arn=asked.arn, opts=opts).certificate_arn

    def _asked(self, options: Sequence[acm.outputs.CertificateDomainValidationOption]) -> list[Mapping[str, str]]:
        (proof,) = options
        return [
            {
                "type": str(proof.resource_record_type),
                "name": str(proof.resource_record_name),
                "value": str(proof.resource_record_value),
            },
            {"type": "CNAME", "name": self._args.host, "value": self._args.leads_to},
        ]

    def _serve(self, valid: pulumi.Output[str]) -> None:
        args, balancer = self._args, self._args.balancer
        shown = lb.ListenerCertificate(
            self._name, listener_arn=balancer.listener_arn, certificate_arn=valid, opts=child(self)
        )
        if balancer.target_arn is not None:
            lb.ListenerRule(
                self._name,
                listener_arn=balancer.listener_arn,
                conditions=[
                    lb.ListenerRuleConditionArgs(host_header=lb.ListenerRuleConditionHostHeaderArgs(values=[args.host]))
                ],
                actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=balancer.target_arn)],
                tags=args.scope.tags(COMPONENT, tenant=args.tenant),
                opts=child(self, shown),
            )
        self._watch(valid)

    def _watch(self, valid: pulumi.Output[str]) -> None:
        """The owner may take the proof away at any time: then ACM does not renew."""
        args = self._args
        cloudwatch.MetricAlarm(
            self._name,
            name=args.scope.name(f"{args.tenant}-{args.host}"),
            alarm_description=f"{args.host}: the certificate is not renewed (docs/runbooks/domain-does-not-verify.md)",
            namespace="AWS/CertificateManager",
            metric_name="DaysToExpiry",
            dimensions={"CertificateArn": valid},
            statistic="Minimum",
            period=_DAY_SECONDS,
            evaluation_periods=1,
            threshold=LEFT_DAYS,
            comparison_operator="LessThanThreshold",
            treat_missing_data="ignore",
            alarm_actions=[args.balancer.alarm_topic],
            ok_actions=[args.balancer.alarm_topic],
            tags=args.scope.tags(COMPONENT, tenant=args.tenant),
            opts=child(self),
        )
