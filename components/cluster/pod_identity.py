"""What pods may do in AWS: a role that EKS Pod Identity gives to one service account.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import eks, iam

from components.aws import Scope, child, trust

POD_IDENTITY = "pods.eks.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """`part`: of the role's name. `component`: what tags say. `policy`: all that `account` in `namespace` may do."""

    scope: Scope
    component: str
    part: str
    cluster_name: pulumi.Input[str]
    namespace: str
    account: str
    policy: pulumi.Input[str]


def pod_identity(name: str, args: PodIdentityArgs, parent: pulumi.Resource) -> None:
    """A role with a policy of its own, for one service account of a cluster."""
    tags = args.scope.tags(args.component)
    role = pod_role(name, args.part, args.scope, parent, component=args.component)
    policy = iam.Policy(name, name=args.scope.name(args.part), policy=args.policy, tags=tags, opts=child(parent))
    attached = iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy.arn, opts=child(parent))
    eks.PodIdentityAssociation(
        name,
        cluster_name=args.cluster_name,
        namespace=args.namespace,
        service_account=args.account,
        role_arn=role.arn,
        tags=tags,
        opts=child(parent, attached),
    )


def pod_role(name: str, part: str, scope: Scope, parent: pulumi.Resource, *, component: str) -> iam.Role:
    """A role that pods take through EKS Pod Identity, by the service account it is associated with."""
    return iam.Role(
        name,
        name=scope.name(part),
        assume_role_policy=trust(POD_IDENTITY, account=scope.account, actions=("sts:AssumeRole", "sts:TagSession")),
        tags=scope.tags(component),
        opts=child(parent),
    )
