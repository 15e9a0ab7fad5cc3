"""Start and end the emulated account, and look at what is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jmespath

from groundwork.errors import ExitCode, UserError
from local.aws_plugin.account import Account, CallError
from local.aws_plugin.settings import Settings
from local.paths import CHECKOUT

_END_SECONDS = 10

# API, operation, parameters, where the names are. What AWS gives to every account is there before, and not counted;
# a VPC's own list of access goes with it, though not in moto.
_LISTS: tuple[tuple[str, str, dict[str, object], str], ...] = (
    ("ec2", "DescribeVpcs", {}, "Vpcs[].VpcId"),
    ("ec2", "DescribeSubnets", {}, "Subnets[].SubnetId"),
    ("ec2", "DescribeSecurityGroups", {}, "SecurityGroups[].GroupId"),
    ("ec2", "DescribeSecurityGroupRules", {}, "SecurityGroupRules[].SecurityGroupRuleId"),
    ("ec2", "DescribeNetworkAcls", {}, "NetworkAcls[?!IsDefault].NetworkAclId"),
    ("ec2", "DescribeRouteTables", {}, "RouteTables[].RouteTableId"),
    ("ec2", "DescribeInternetGateways", {}, "InternetGateways[].InternetGatewayId"),
    ("ec2", "DescribeNatGateways", {}, "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "DescribeAddresses", {}, "Addresses[].AllocationId"),
    ("ec2", "DescribeVpcEndpoints", {}, "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "DescribeFlowLogs", {}, "FlowLogs[].FlowLogId"),
    ("ec2", "DescribeLaunchTemplates", {}, "LaunchTemplates[].LaunchTemplateId"),
    ("ec2", "DescribeVolumes", {}, "Volumes[].VolumeId"),
    ("iam", "ListRoles", {}, "Roles[].RoleName"),
    ("iam", "ListPolicies", {"Scope": "Local"}, "Policies[].Arn"),
    ("kms", "ListAliases", {}, "Aliases[].AliasName"),
    ("logs", "DescribeLogGroups", {}, "logGroups[].logGroupName"),
    ("logs", "DescribeMetricFilters", {}, "metricFilters[].join(' ', [logGroupName, filterName])"),
    ("cloudwatch", "DescribeAlarms", {}, "MetricAlarms[].AlarmName"),
    ("cloudwatch", "ListDashboards", {}, "DashboardEntries[].DashboardName"),
    ("events", "ListRules", {}, "Rules[].Name"),
    ("sns", "ListTopics", {}, "Topics[].TopicArn"),
    ("sns", "ListSubscriptions", {}, "Subscriptions[].SubscriptionArn"),
    ("sqs", "ListQueues", {}, "QueueUrls"),
    ("eks", "ListClusters", {}, "clusters"),
    ("ecs", "ListTaskDefinitions", {"status": "ACTIVE"}, "taskDefinitionArns"),
    ("servicediscovery", "ListNamespaces", {}, "Namespaces[].Id"),
    ("rds", "DescribeDBInstances", {}, "DBInstances[].DBInstanceIdentifier"),
    ("rds", "DescribeDBSubnetGroups", {}, "DBSubnetGroups[].DBSubnetGroupName"),
    ("rds", "DescribeDBParameterGroups", {}, "DBParameterGroups[].DBParameterGroupName"),
    ("elasticache", "DescribeReplicationGroups", {}, "ReplicationGroups[?Status!='deleting'].ReplicationGroupId"),
    ("elasticache", "DescribeUserGroups", {}, "UserGroups[].UserGroupId"),
    ("elasticache", "DescribeUsers", {}, "Users[].UserId"),
    ("backup", "ListBackupVaults", {}, "BackupVaultList[].BackupVaultName"),
    ("backup", "ListBackupPlans", {}, "BackupPlansList[?!DeletionDate].BackupPlanId"),
    ("elbv2", "DescribeLoadBalancers", {}, "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "DescribeTargetGroups", {}, "TargetGroups[].TargetGroupArn"),
    ("wafv2", "ListWebACLs", {"Scope": "REGIONAL"}, "WebACLs[].Id"),
    ("s3", "ListBuckets", {}, "Buckets[].Name"),
    ("route53", "ListHostedZones", {}, "HostedZones[].Id"),
    ("route53", "ListHealthChecks", {}, "HealthChecks[].Id"),
    ("acm", "ListCertificates", {}, "CertificateSummaryList[].CertificateArn"),
    ("secretsmanager", "ListSecrets", {}, "SecretList[?!DeletedDate].Name"),
    ("lambda", "ListFunctions", {}, "Functions[].FunctionName"),
    ("ecr", "DescribeRepositories", {}, "repositories[].repositoryName"),
    ("autoscaling", "DescribeAutoScalingGroups", {}, "AutoScalingGroups[].AutoScalingGroupName"),
)
# API, what lists the owners, where they are, what lists what each has, its parameter for the owner, where that is.
_PARTS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("elbv2", "DescribeLoadBalancers", "LoadBalancers[].LoadBalancerArn", "DescribeListeners", "LoadBalancerArn",
     "Listeners[].ListenerArn"),
    ("route53", "ListHostedZones", "HostedZones[].Id", "ListResourceRecordSets", "HostedZoneId",
     "ResourceRecordSets[].join(' ', [Name, Type])"),
    ("iam", "ListRoles", "Roles[].RoleName", "ListRolePolicies", "RoleName", "PolicyNames"),
    ("iam", "ListRoles", "Roles[].RoleName", "ListAttachedRolePolicies", "RoleName", "AttachedPolicies[].PolicyArn"),
    ("eks", "ListClusters", "clusters", "ListNodegroups", "clusterName", "nodegroups"),
    ("events", "ListRules", "Rules[].Name", "ListTargetsByRule", "Rule", "Targets[].Id"),
)  # fmt: skip

APIS = frozenset({row[0] for row in _LISTS} | {row[0] for row in _PARTS})


@dataclass(frozen=True)
class EmulatedAccount:
    """A running account. `variables`: what whoever speaks to it needs in the environment.

    `others`: regions beside its own that the environment makes something in. `apis`: those that an inventory asks; all
    of them where it is None.
    """

    number: str
    region: str
    port: int
    process: int
    others: tuple[str, ...] = ()
    apis: frozenset[str] | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """No credentials are asked for; these are no one's."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def account(self, region: str = "") -> Account:
        """Calls to it. The environment must hold `variables`."""
        region = region or self.region
        if region not in self._accounts:
            self._accounts[region] = Account(Settings(region=region, path_style=True))
        return self._accounts[region]

    @cached_property
    def _accounts(self) -> dict[str, Account]:
        # Some forty clients each, a tenth of a second for every one.
        return {}

    def inventory(self) -> set[str]:
        """All that is in it, as `region api listing: name`."""
        return {
            f"{region} {row}"
            for region in (self.region, *self.others)
            for row in _inventory(self.account(region), self.apis or APIS)
        }


def _inventory(account: Account, apis: frozenset[str]) -> set[str]:
    found = _listed(account, apis) | _parts(account, apis)
    return found | (_ecs(account) if "ecs" in apis else set()) | (_keys(account) if "kms" in apis else set())


def _listed(account: Account, apis: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for api, operation, parameters, at in (row for row in _LISTS if row[0] in apis):
        try:
            rows = jmespath.search(at, account.call(api, operation, dict(parameters))) or []
        except CallError as error:
            if "NotFound" not in error.error:
                raise
            rows = []
        found |= {f"{api} {operation.removeprefix('Describe').removeprefix('List')}: {row}" for row in rows}
    return found


def _parts(account: Account, apis: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for api, owners, at, parts, parameter, where in (row for row in _PARTS if row[0] in apis):
        for owner in jmespath.search(at, account.call(api, owners, {})) or []:
            rows = jmespath.search(where, account.call(api, parts, {parameter: owner})) or []
            found |= {f"{api} {parts.removeprefix('Describe').removeprefix('List')}: {owner} {row}" for row in rows}
    return found


def _keys(account: Account) -> set[str]:
    """A key's end takes a week at least; until then it is listed."""
    rows = account.call("kms", "ListKeys", {})["Keys"]
    keys = [account.call("kms", "DescribeKey", {"KeyId": row["KeyId"]})["KeyMetadata"] for row in rows]
    return {f"kms Keys: {key['KeyId']}" for key in keys if key["KeyState"] != "PendingDeletion"}


def _ecs(account: Account) -> set[str]:
    """Clusters and services. Deleted ones may be listed for a while, as INACTIVE."""
    arns = account.call("ecs", "ListClusters", {})["clusterArns"]
    found: set[str] = set()
    for row in account.call("ecs", "DescribeClusters", {"clusters": arns})["clusters"] if arns else []:
        if row["status"] == "INACTIVE":
            continue
        found.add(f"ecs Clusters: {row['clusterArn']}")
        for name in account.call("ecs", "ListServices", {"cluster": row["clusterArn"]})["serviceArns"]:
            asked = {"cluster": row["clusterArn"], "services": [name]}
            service = account.call("ecs", "DescribeServices", asked)["services"][0]
            if service["status"] != "INACTIVE":
                found.add(f"ecs Services: {name}")
    return found


@contextmanager
def emulated(number: str, region: str, log: Path, others: tuple[str, ...] = ()) -> Iterator[EmulatedAccount]:
    """An account that lives as long as the block, on a free port of 127.0.0.1. UserError where it does not start."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "MOTO_ACCOUNT_ID": number,
        "MOTO_ACM_VALIDATION_WAIT": "0",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "AWS_DEFAULT_REGION": region,
    }
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "local.account"], cwd=CHECKOUT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=file,
        )  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            line = process.stdout.readline()
            if not line.strip().isdigit():
                raise UserError(what="the emulated account does not start", where=str(log), code=ExitCode.ERROR)
            yield EmulatedAccount(number, region, int(line), process.pid, others)
        finally:
            process.terminate()
            process.wait(timeout=_END_SECONDS)


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for as long as the block lasts."""
    before = {key: os.environ.get(key) for key in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
