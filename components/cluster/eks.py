"""EKS: a control plane that only the network reaches, and its nodes.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, eks, iam

from components.aws import Scope, child, trust
from components.cluster.karpenter import Karpenter, KarpenterArgs
from components.cluster.nodes import NodeGroup, NodeGroupArgs, Place, node_role
from components.cluster.pod_identity import pod_role
from components.cluster.versions import ADDONS, BEFORE_NODES
from groundwork.errors import UserError

COMPONENT = "cluster"
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEWER = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
# Add-ons that call AWS: their service account (in kube-system) and the policy that AWS keeps for them.
IDENTITIES: Mapping[str, tuple[str, str]] = {
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
}


@dataclass(frozen=True, kw_only=True)
class EksArgs:
    """What a cluster needs.

    `service_cidr`: addresses of Services, outside the VPC. `admins`, `viewers`: ARNs of IAM roles. `public_access`:
    networks that reach the API server from outside; none closes it to all but the VPC. `keys`: KMS keys by purpose.
    `karpenter`: what its controller needs of AWS.
    """

    scope: Scope
    version: str
    subnet_ids: Sequence[pulumi.Input[str]]
    service_cidr: str
    node_groups: Mapping[str, NodeGroupArgs]
    keys: Mapping[str, pulumi.Input[str]]
    admins: Sequence[str] = ()
    viewers: Sequence[str] = ()
    public_access: Sequence[str] = ()
    log_days: int = 90
    karpenter: bool = False

    def __post_init__(self) -> None:
        if self.version not in ADDONS:
            raise UserError(what=f"version: {self.version!r} is not known", allowed=", ".join(ADDONS))
        if not self.node_groups:
            raise UserError(what="node_groups: there is none", allowed="at least one group")
        if "0.0.0.0/0" in self.public_access:
            allowed = "networks of yours, or none"
            raise UserError(what="public_access: 0.0.0.0/0 opens the API server to everybody", allowed=allowed)


class Eks(pulumi.ComponentResource):
    """The control plane, its add-ons and node groups.

    `security_group_id`: of the control plane and every node. `node_groups`: what pods wait for.
    """

    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    log_group: pulumi.Output[str]
    node_groups: Mapping[str, NodeGroup]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: EksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:cluster:Eks", name, None, opts)
        self._name, self._args = name, args
        self._cluster = self._control_plane()
        self.name = self._cluster.name
        self.security_group_id = self._cluster.vpc_config.cluster_security_group_id
        access = self._access()
        addons = ADDONS[args.version]
        role, attached = node_role(name, args.scope, self)
        before = [self._addon(addon, addons[addon]) for addon in BEFORE_NODES]
        place = Place(
            scope=args.scope,
            cluster_name=self._cluster.name,
            version=args.version,
            role_arn=role.arn,
            subnet_ids=args.subnet_ids,
            security_groups=[self.security_group_id],
            data_key=args.keys["data"],
            after=[*attached, *before],
        )
        self.node_groups = {
            short: NodeGroup(f"{name}-{short}", short, group, place, child(self))
            for short, group in args.node_groups.items()
        }
        after = [*self.node_groups.values()]
        running = [self._addon(addon, addons[addon], *after) for addon in addons if addon not in BEFORE_NODES]
        self.ready = [*access, *running]
        if args.karpenter:
            given = KarpenterArgs(
                scope=args.scope, cluster_name=self.name, cluster_arn=self._cluster.arn, node_role_arn=role.arn
            )
            self.ready.append(Karpenter(f"{name}-karpenter", given, child(self)))
        self.kubeconfig = pulumi.Output.all(
            self._cluster.name, self._cluster.endpoint, self._cluster.certificate_authority.data
        ).apply(lambda known: kubeconfig(*known, region=args.scope.region))
        self.register_outputs({"name": self.name})

    def _control_plane(self) -> eks.Cluster:
        args, scope = self._args, self._args.scope
        physical = scope.name("cluster")
        role = iam.Role(
            f"{self._name}-control-plane",
            name=scope.name("control-plane"),
            assume_role_policy=trust("eks.amazonaws.com", actions=("sts:AssumeRole", "sts:TagSession")),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        attached = iam.RolePolicyAttachment(
            f"{self._name}-control-plane",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
            opts=child(self),
        )
        # Before the cluster, which would make it without key and for ever.
        logs = cloudwatch.LogGroup(
            f"{self._name}-control-plane",
            name=f"/aws/eks/{physical}/cluster",
            retention_in_days=args.log_days,
            kms_key_id=args.keys["logs"],
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        self.log_group = logs.name
        return eks.Cluster(
            self._name,
            name=physical,
            version=args.version,
            role_arn=role.arn,
            enabled_cluster_log_types=list(LOG_TYPES),
            bootstrap_self_managed_addons=False,
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.keys["secrets"]), resources=["secrets"]
            ),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=args.service_cidr
            ),
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_access),
                public_access_cidrs=list(args.public_access) or None,
            ),
            tags=scope.tags(COMPONENT),
            opts=child(self, attached, logs),
        )

    def _access(self) -> list[pulumi.Resource]:
        """Who may do what by which IAM role: nobody else, not even who made the cluster."""
        made: list[pulumi.Resource] = []
        for policy, arns in ((ADMIN, self._args.admins), (VIEWER, self._args.viewers)):
            for arn in arns:
                part = f"{self._name}-{arn.rpartition('/')[2]}"
                entry = eks.AccessEntry(
                    part,
                    cluster_name=self._cluster.name,
                    principal_arn=arn,
                    type="STANDARD",
                    tags=self._args.scope.tags(COMPONENT),
                    opts=child(self),
                )
                made.append(
                    eks.AccessPolicyAssociation(
                        part,
                        cluster_name=self._cluster.name,
                        principal_arn=arn,
                        policy_arn=policy,
                        access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                        opts=child(self, entry),
                    )
                )
        return made

    def _addon(self, addon: str, version: str, *after: pulumi.Resource) -> eks.Addon:
        identity = self._identity(addon) if addon in IDENTITIES else None
        return eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=self._cluster.name,
            addon_name=addon,
            addon_version=version,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="PRESERVE",
            configuration_values=_configuration(addon),
            pod_identity_associations=[identity] if identity else None,
            tags=self._args.scope.tags(COMPONENT),
            opts=child(self, *after),
        )

    def _identity(self, addon: str) -> eks.AddonPodIdentityAssociationArgs:
        account, policy = IDENTITIES[addon]
        role = pod_role(f"{self._name}-{addon}", addon, self._args.scope, self, component=COMPONENT)
        iam.RolePolicyAttachment(
            f"{self._name}-{addon}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=child(self),
        )
        return eks.AddonPodIdentityAssociationArgs(service_account=account, role_arn=role.arn)


def kubeconfig(name: str, endpoint: str, authority: str, *, region: str) -> str:
    """How the cluster is reached with the caller's own AWS credentials; nothing in it is secret."""
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"],
        "interactiveMode": "Never",
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"exec": command}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def _configuration(addon: str) -> str | None:
    """What differs from an add-on's defaults."""
    if addon == "vpc-cni":
        # The network policies of agents are enforced by it; prefixes give a node room for many small pods.
        values: dict[str, object] = {
            "enableNetworkPolicy": "true",
            "env": {"ENABLE_PREFIX_DELEGATION": "true", "NETWORK_POLICY_ENFORCING_MODE": "standard"},
        }
    elif addon == "coredns":
        values = {"replicaCount": 3, "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}}
    else:
        return None
    return json.dumps(values, sort_keys=True)
