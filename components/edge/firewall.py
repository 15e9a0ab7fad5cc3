"""The firewall for the web before a load balancer.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, wafv2
from pulumi_aws.wafv2 import WebAclRuleStatementRateBasedStatementScopeDownStatementArgs as Asked
from pulumi_aws.wafv2 import WebAclRuleStatementRateBasedStatementScopeDownStatementRegexMatchStatementArgs as Host
from pulumi_aws.wafv2 import (
    WebAclRuleStatementRateBasedStatementScopeDownStatementRegexMatchStatementFieldToMatchArgs as HostField,
)
from pulumi_aws.wafv2 import (
    WebAclRuleStatementRateBasedStatementScopeDownStatementRegexMatchStatementFieldToMatchSingleHeaderArgs as Header,
)
from pulumi_aws.wafv2 import (
    WebAclRuleStatementRateBasedStatementScopeDownStatementRegexMatchStatementTextTransformationArgs as HostCase,
)

from components.aws import Scope, child
from groundwork.errors import UserError

COMPONENT = "edge"
# AWS's own groups, in the order in which they are asked: from cheap to dear.
MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
)
BOT_CONTROL = "AWSManagedRulesBotControlRuleSet"
# Agents are asked in bodies of up to a mebibyte (docs/agents.md); this rule would refuse those above 8 KiB.
COUNTED_ONLY = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)}
SECRET_HEADERS = ("authorization", "cookie", "x-api-key")


# Tenants' rules come after all others, so that a tenant more moves none of those.
FIRST_TENANT = 100
# Seconds that WAF counts over, at the shortest; what a pattern of it may have of characters.
# https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html, API_RegexMatchStatement.html
WINDOW, LONGEST_PATTERN = 60, 512
TOO_MANY = 429


@dataclass(frozen=True, kw_only=True)
class TenantRate:
    """What all callers of a tenant's names may ask for together, requests a second, counted by the minute."""

    hosts: Sequence[str]
    per_second: int

    def __post_init__(self) -> None:
        if len(self.pattern) > LONGEST_PATTERN:
            what = f"{', '.join(self.hosts)}: together too long for a rule of the firewall"
            raise UserError(
                what=what, allowed=f"a pattern of {LONGEST_PATTERN} characters, this has {len(self.pattern)}"
            )

    @property
    def limit(self) -> int:
        """Requests in a window."""
        return self.per_second * WINDOW

    @property
    def pattern(self) -> str:
        """The header `Host` of a request to any of the names, in lower case."""
        return f"^({'|'.join(host.replace('.', '[.]') for host in self.hosts)})(:[0-9]+)?$"


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """`rate`: requests of one address in five minutes, above which it is refused. `bot_control`: costs extra.

    `tenants`: limits of those whom no gateway counts, by name.
    """

    scope: Scope
    load_balancer_arn: pulumi.Input[str]
    rate: int
    bot_control: bool
    log_days: int
    logs_key: pulumi.Input[str]
    tenants: Mapping[str, TenantRate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 10 <= self.rate <= 2_000_000_000:
            raise UserError(what=f"rate: {self.rate}", allowed="from 10 to 2000000000 requests in five minutes")


class Firewall(pulumi.ComponentResource):
    """Rules, what they saw, and the load balancer that they are for."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:edge:Firewall", name, None, opts)
        groups = [*MANAGED, *([BOT_CONTROL] if args.bot_control else [])]
        acl = wafv2.WebAcl(
            name,
            name=args.scope.name("edge"),
            description="One address not too often, then the rules that AWS keeps",
            scope="REGIONAL",
            default_action=wafv2.WebAclDefaultActionArgs(allow=wafv2.WebAclDefaultActionAllowArgs()),
            rules=[
                _rate(args.rate),
                *(_managed(group, index + 1) for index, group in enumerate(groups)),
                *(_tenant(*each, FIRST_TENANT + index) for index, each in enumerate(sorted(args.tenants.items()))),
            ],
            visibility_config=_seen("edge"),
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )
        wafv2.WebAclAssociation(name, resource_arn=args.load_balancer_arn, web_acl_arn=acl.arn, opts=child(self))
        logs = cloudwatch.LogGroup(
            name,
            # WAF writes to no group whose name begins otherwise.
            name=f"aws-waf-logs-{args.scope.name('edge')}",
            retention_in_days=args.log_days,
            kms_key_id=args.logs_key,
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )
        wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=acl.arn,
            log_destination_configs=[logs.arn],
            redacted_fields=[
                wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    single_header=wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                )
                for header in SECRET_HEADERS
            ],
            opts=child(self),
        )
        self.register_outputs({})


def _rate(limit: int) -> wafv2.WebAclRuleArgs:
    return wafv2.WebAclRuleArgs(
        name="rate",
        priority=0,
        action=wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs()),
        statement=wafv2.WebAclRuleStatementArgs(
            rate_based_statement=wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=limit, aggregate_key_type="IP", evaluation_window_sec=300
            )
        ),
        visibility_config=_seen_rule("rate"),
    )


def _tenant(name: str, rate: TenantRate, priority: int) -> wafv2.WebAclRuleArgs:
    """Refused as the gateway of a cluster refuses it."""
    host = Host(
        field_to_match=HostField(single_header=Header(name="host")),
        regex_string=rate.pattern,
        text_transformations=[HostCase(priority=0, type="LOWERCASE")],
    )
    return wafv2.WebAclRuleArgs(
        name=f"tenant-{name}",
        priority=priority,
        action=wafv2.WebAclRuleActionArgs(
            block=wafv2.WebAclRuleActionBlockArgs(
                custom_response=wafv2.WebAclRuleActionBlockCustomResponseArgs(response_code=TOO_MANY)
            )
        ),
        statement=wafv2.WebAclRuleStatementArgs(
            rate_based_statement=wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=rate.limit,
                aggregate_key_type="CONSTANT",
                evaluation_window_sec=WINDOW,
                scope_down_statement=Asked(regex_match_statement=host),
            )
        ),
        visibility_config=_seen_rule(f"tenant-{name}"),
    )


def _managed(group: str, priority: int) -> wafv2.WebAclRuleArgs:
    counted: Sequence[str] = COUNTED_ONLY.get(group, ())
    overrides = [
        wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
            name=rule,
            action_to_use=wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
                count=wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
            ),
        )
        for rule in counted
    ]
    return wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        override_action=wafv2.WebAclRuleOverrideActionArgs(
            none=wafv2.WebAclRuleOverrideActionNoneArgs()  # type: ignore[no-untyped-call]  # the SDK left it out
        ),
        statement=wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS", name=group, rule_action_overrides=overrides or None
            )
        ),
        visibility_config=_seen_rule(group),
    )


def _seen(metric: str) -> wafv2.WebAclVisibilityConfigArgs:
    return wafv2.WebAclVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )


def _seen_rule(metric: str) -> wafv2.WebAclRuleVisibilityConfigArgs:
    return wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
