"""The way into an agent on ECS from outside: two groups of targets, of which one serves.  (docs/ecs.md)"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecs, lb

from components.agents.ecs_alarm import alarm
from components.agents.ecs_platform import Frame, TokenIssuer
from components.agents.ecs_task import PORT
from components.aws import child
from components.observability.aws import Watch

# Answers of a kind that only a broken agent gives, in each of two minutes: the deployment goes back.
ERRORS, MINUTES = 5, 2
# A new version serves all requests for so long before the old one's tasks end; until then going back takes seconds.
BAKE_MINUTES = 5


@dataclass(frozen=True, kw_only=True)
class WayIn:
    """`targets`: the group that serves first, and the next version's. `alarms`: names, of a broken version."""

    rule: lb.ListenerRule
    targets: tuple[lb.TargetGroup, lb.TargetGroup]
    alarms: tuple[pulumi.Output[str], ...]

    def balancers(self, role_arn: pulumi.Input[str]) -> list[ecs.ServiceLoadBalancerArgs]:
        """For the service. `role_arn`: by which ECS moves the requests from one group to the other."""
        blue, green = self.targets
        moved = ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=green.arn, production_listener_rule=self.rule.arn, role_arn=role_arn
        )
        return [
            ecs.ServiceLoadBalancerArgs(
                container_name="agent",
                container_port=PORT,
                target_group_arn=blue.arn,
                advanced_configuration=moved,
            )
        ]


def way_in(frame: Frame, hosts: Sequence[str], issuer: TokenIssuer) -> WayIn:
    """From the load balancer, with a token, to the group that serves at the moment."""
    blue, green = _target(frame, ""), _target(frame, "green")
    forward = lb.ListenerRuleActionForwardArgs(
        target_groups=[
            lb.ListenerRuleActionForwardTargetGroupArgs(arn=blue.arn, weight=100),
            lb.ListenerRuleActionForwardTargetGroupArgs(arn=green.arn, weight=0),
        ],
    )
    last = lb.ListenerRuleActionArgs(type="forward", order=2, forward=forward)
    # Which of the two serves is ECS's to say, from the first deployment on.
    rule = _rule(frame, hosts, issuer, last, name=frame.name, ignored=["actions[1].forward"])
    alarms = tuple(_errors(frame, target, part) for target, part in ((blue, "blue"), (green, "green")))
    return WayIn(rule=rule, targets=(blue, green), alarms=alarms)


def refusal(frame: Frame, hosts: Sequence[str], issuer: TokenIssuer) -> None:
    """What callers of a suspended tenant are told."""
    refused = lb.ListenerRuleActionFixedResponseArgs(
        content_type="application/json",
        message_body='{"error":{"type":"suspended","message":"the tenant is suspended"}}',
        status_code="403",
    )
    last = lb.ListenerRuleActionArgs(type="fixed-response", order=2, fixed_response=refused)
    _rule(frame, hosts, issuer, last, name=f"{frame.name}-suspended", ignored=[])


def _target(frame: Frame, part: str) -> lb.TargetGroup:
    digest = hashlib.sha256(f"{frame.physical}{part}".encode()).hexdigest()[:20]
    return lb.TargetGroup(
        f"{frame.name}-{part}" if part else frame.name,
        # At most 32 characters, and no two the same.
        name=f"groundwork-{digest}",
        target_type="ip",
        port=PORT,
        protocol="HTTP",
        vpc_id=frame.platform.vpc_id,
        deregistration_delay=math.ceil(frame.spec.drain.total_seconds()),
        load_balancing_algorithm_type="least_outstanding_requests",
        # A session lives in the task that began it, as long as sessions are not shared.
        stickiness=lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=True, cookie_duration=3600),
        health_check=lb.TargetGroupHealthCheckArgs(
            enabled=True,
            path="/readyz",
            matcher="200",
            interval=5,
            timeout=3,
            healthy_threshold=2,
            unhealthy_threshold=2,
        ),
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )


def _rule(  # noqa: PLR0913 - what the two rules differ in
    frame: Frame,
    hosts: Sequence[str],
    issuer: TokenIssuer,
    last: lb.ListenerRuleActionArgs,
    *,
    name: str,
    ignored: list[str],
) -> lb.ListenerRule:
    """Only with a token of the tenant's issuer, for one of its audiences; with the path that the agent knows."""
    agent = frame.manifest.name
    claim = lb.ListenerRuleActionJwtValidationAdditionalClaimArgs(
        format="single-string", name="aud", values=list(issuer.audiences)
    )
    checked = lb.ListenerRuleActionJwtValidationArgs(
        issuer=issuer.issuer, jwks_endpoint=issuer.jwks_uri, additional_claims=[claim]
    )
    rewrite = lb.ListenerRuleTransformUrlRewriteConfigRewriteArgs(regex=f"^/agents/{agent}/(.*)$", replace="/$1")
    return lb.ListenerRule(
        name,
        listener_arn=frame.platform.listener_arn,
        conditions=[
            lb.ListenerRuleConditionArgs(host_header=lb.ListenerRuleConditionHostHeaderArgs(values=[*hosts])),
            lb.ListenerRuleConditionArgs(
                path_pattern=lb.ListenerRuleConditionPathPatternArgs(values=[f"/agents/{agent}/*"])
            ),
        ],
        actions=[lb.ListenerRuleActionArgs(type="jwt-validation", order=1, jwt_validation=checked), last],
        transforms=[
            lb.ListenerRuleTransformArgs(
                type="url-rewrite",
                url_rewrite_config=lb.ListenerRuleTransformUrlRewriteConfigArgs(rewrite=rewrite),
            )
        ],
        tags=dict(frame.tags),
        opts=pulumi.ResourceOptions(parent=frame.parent, ignore_changes=ignored),
    )


def _errors(frame: Frame, target: lb.TargetGroup, part: str) -> pulumi.Output[str]:
    watch = Watch(
        metric="HTTPCode_Target_5XX_Count",
        namespace="AWS/ApplicationELB",
        dimensions={"LoadBalancer": frame.platform.balancer_suffix, "TargetGroup": target.arn_suffix},
        limit=ERRORS,
        meaning=f"{frame.alias} answers with errors of its own",
        statistic="Sum",
        minutes=MINUTES,
    )
    return alarm(frame, f"errors-{part}", watch).name
