"""What every AWS resource of an environment has in common: account and region, name, tags.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pydantic import JsonValue

from components.labels import aws_tags


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where an environment stands in AWS, and who pays. `account`: twelve digits; `region`: such as eu-west-1."""

    environment: str
    account: str
    region: str
    cost_centre: str

    def name(self, part: str) -> str:
        """A name that no other environment has, in AWS's own alphabet."""
        return f"groundwork-{self.environment}-{part}"

    def tags(self, component: str, *, name: str | None = None, tenant: str | None = None) -> dict[str, str]:
        """The tags of one resource. `name`: what the console shows, where AWS keeps no name of its own."""
        tags = aws_tags(self.environment, component, cost_centre=self.cost_centre, tenant=tenant)
        return tags | ({"Name": self.name(name)} if name else {})

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """The ARN of something in this account. `region`: empty for what has none (IAM)."""
        return f"arn:aws:{service}:{self.region if region is None else region}:{self.account}:{resource}"


def statement(  # noqa: PLR0913 – the parts that a statement of IAM has
    actions: str | Sequence[str],
    resources: str | Sequence[str] = "*",
    *,
    principal: Mapping[str, JsonValue] | None = None,
    condition: Mapping[str, JsonValue] | None = None,
    effect: str = "Allow",
    sid: str | None = None,
) -> dict[str, JsonValue]:
    """One statement of a policy."""
    made: dict[str, JsonValue] = {"Effect": effect, "Action": _listed(actions)}
    if sid:
        made["Sid"] = sid
    made["Resource"] = _listed(resources)
    if principal is not None:
        made["Principal"] = dict(principal)
    if condition is not None:
        made["Condition"] = dict(condition)
    return made


def document(*statements: Mapping[str, JsonValue]) -> str:
    """A policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(each) for each in statements]})


def trust(service: str, *, account: str | None = None, actions: Sequence[str] = ("sts:AssumeRole",)) -> str:
    """Who may take a role: one service of AWS, for this account only where it says whom it acts for."""
    made: dict[str, JsonValue] = {
        "Effect": "Allow",
        "Action": _listed(actions),
        "Principal": {"Service": service},
    }
    if account is not None:
        made["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document(made)


def child(
    parent: pulumi.Resource,
    *after: pulumi.Resource,
    provider: pulumi.ProviderResource | None = None,
    protect: bool = False,
) -> pulumi.ResourceOptions:
    """Options of a component's part: what it waits for, and the provider where it is not the environment's region."""
    return pulumi.ResourceOptions(
        parent=parent, depends_on=list(after) or None, provider=provider, protect=protect or None
    )


def _listed(values: str | Sequence[str]) -> JsonValue:
    return values if isinstance(values, str) else [*values]
