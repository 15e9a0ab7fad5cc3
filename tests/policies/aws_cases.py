"""The same for policies about AWS resources, by their properties."""

from __future__ import annotations

import json
from collections.abc import Mapping

from policies.harness import Asked, Value
from tests.policies.cases import GONE, Case, Path

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent@sha256:" + "a" * 64
_EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def _case(
    policy: str, kind: str, good: Mapping[str, Value], *bad: tuple[Path, Value], beside: tuple[Asked, ...] = ()
) -> Case:
    return Case(policy=policy, type=kind, good=good, bad=bad, beside=beside)


def _key(key: str, value: Value) -> tuple[Path, Value]:
    return (key,), value


def _document(*statements: Mapping[str, Value]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _beside(kind: str, **props: Value) -> Asked:
    return Asked(type=kind, name="subject", props=props)


_VPC = "aws:ec2/vpc:Vpc"
_TAGS = {"groundwork:environment": "prod", "groundwork:cost-centre": "p"}
_CONTAINER = {
    "name": "agent",
    "image": IMAGE,
    "user": "65532",
    "readonlyRootFilesystem": True,
    "logConfiguration": {"logDriver": "awslogs"},
}
_TASK: Mapping[str, Value] = {"networkMode": "awsvpc", "containerDefinitions": json.dumps([_CONTAINER])}


def _task(**changes: Value) -> tuple[Path, Value]:
    return _key("containerDefinitions", json.dumps([_CONTAINER | changes]))


# Writes files before the other starts.
_WRITER = {
    **_CONTAINER,
    "name": "files",
    "user": "0",
    "essential": False,
    "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
}
_WAITS = _CONTAINER | {"dependsOn": [{"containerName": "files", "condition": "SUCCESS"}]}


def _written(**changes: Value) -> tuple[Path, Value]:
    return _key("containerDefinitions", json.dumps([_WRITER | changes, _WAITS]))


_NAMED = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/*"}
_SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PARTS = ("PublicAccessBlock", "ServerSideEncryptionConfiguration", "Versioning", "OwnershipControls")
_OF_BUCKET = tuple(_beside(f"aws:s3/bucket{part}:Bucket{part}", bucket="data") for part in _PARTS)

AWS = (
    _case("aws-s3-public", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", dict.fromkeys(_BLOCKS, True),
          *(_key(key, value) for key in _BLOCKS for value in (False, GONE))),
    _case("aws-s3-parts", "aws:s3/bucket:Bucket", {"bucket": "data"}, beside=_OF_BUCKET),
    _case("aws-s3-versioning", "aws:s3/bucketVersioning:BucketVersioning",
          {"versioningConfiguration": {"status": "Enabled"}}, (("versioningConfiguration", "status"), "Suspended")),
    _case("aws-s3-encryption",
          "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
          {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
          (("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"), "AES256")),
    _case("aws-rds", "aws:rds/instance:Instance",
          {"storageEncrypted": True, "deletionProtection": True, "copyTagsToSnapshot": True,
           "publiclyAccessible": False, "backupRetentionPeriod": 14, "autoMinorVersionUpgrade": True},
          _key("storageEncrypted", False), _key("deletionProtection", GONE), _key("copyTagsToSnapshot", False),
          _key("publiclyAccessible", True), _key("backupRetentionPeriod", 0), _key("skipFinalSnapshot", True),
          _key("autoMinorVersionUpgrade", False)),
    _case("aws-rds-tls", "aws:rds/parameterGroup:ParameterGroup",
          {"family": "postgres16", "parameters": [{"name": "rds.force_ssl", "value": "1"}]},
          (("parameters", 0, "value"), "0"), _key("parameters", [])),
    _case("aws-elasticache", "aws:elasticache/replicationGroup:ReplicationGroup",
          {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True, "userGroupIds": ["g"],
           "snapshotRetentionLimit": 7},
          _key("atRestEncryptionEnabled", False), _key("transitEncryptionEnabled", False), _key("userGroupIds", []),
          _key("snapshotRetentionLimit", 0)),
    _case("aws-elasticache-user", "aws:elasticache/user:User",
          {"accessString": "on ~*", "authenticationMode": {"type": "iam"}},
          (("authenticationMode", "type"), "no-password-required"), _key("noPasswordRequired", True)),
    _case("aws-eks", "aws:eks/cluster:Cluster",
          {"vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
           "encryptionConfig": {"resources": ["secrets"]}, "accessConfig": {"authenticationMode": "API"},
           "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"]},
          (("vpcConfig", "endpointPublicAccess"), True), (("vpcConfig", "endpointPrivateAccess"), False),
          _key("encryptionConfig", GONE), _key("enabledClusterLogTypes", ["api"]),
          (("accessConfig", "authenticationMode"), "CONFIG_MAP"), _key("deletionProtection", False)),
    _case("aws-launch-template", "aws:ec2/launchTemplate:LaunchTemplate",
          {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
           "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}]},
          (("metadataOptions", "httpTokens"), "optional"), (("metadataOptions", "httpPutResponseHopLimit"), 2),
          (("blockDeviceMappings", 0, "ebs", "encrypted"), "false"),
          _key("networkInterfaces", [{"associatePublicIpAddress": "true"}])),
    _case("aws-default-security-group", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": "v"},
          _key("ingress", [{"fromPort": 0}]), _key("egress", [{"fromPort": 0}])),
    _case("aws-default-security-group-declared", _VPC, {},
          beside=(_beside("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),)),
    _case("aws-flow-logs", _VPC, {}, beside=(_beside("aws:ec2/flowLog:FlowLog", trafficType="ALL"),)),
    _case("aws-ingress", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
          {"cidrIpv4": "0.0.0.0/0", "fromPort": 443, "toPort": 443}, _key("fromPort", 22), _key("toPort", 65535)),
    _case("aws-ingress", "aws:ec2/securityGroup:SecurityGroup",
          {"ingress": [{"cidrBlocks": ["10.0.0.0/8"], "fromPort": 22, "toPort": 22}]},
          (("ingress", 0, "cidrBlocks"), ["0.0.0.0/0"])),
    _case("aws-subnet", "aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": False}, _key("mapPublicIpOnLaunch", True)),
    _case("aws-iam-wildcards", "aws:iam/policy:Policy", {"policy": _document(_NAMED)},
          _key("policy", _document(_NAMED | {"Action": "*"})), _key("policy", _document(_NAMED | {"Action": "s3:*"})),
          _key("policy", _document(_NAMED | {"Action": "s3:PutObject", "Resource": "*"})),
          _key("policy", _document(_NAMED | {"NotAction": "iam:*"}))),
    _case("aws-iam-trust", "aws:iam/role:Role", {"assumeRolePolicy": _document(_SERVICE)},
          _key("assumeRolePolicy", _document(_SERVICE | {"Principal": {"AWS": "*"}})),
          _key("assumeRolePolicy", _document(_SERVICE | {"Principal": {"Federated": "arn"}}))),
    _case("aws-kms", "aws:kms/key:Key", {"enableKeyRotation": True, "deletionWindowInDays": 30},
          _key("enableKeyRotation", False), _key("deletionWindowInDays", 7)),
    _case("aws-log-group", "aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 365, "kmsKeyId": "k"},
          _key("retentionInDays", GONE), _key("retentionInDays", 0), _key("kmsKeyId", GONE)),
    _case("aws-load-balancer", "aws:lb/loadBalancer:LoadBalancer",
          {"enableDeletionProtection": True, "accessLogs": {"enabled": True}, "dropInvalidHeaderFields": True},
          _key("enableDeletionProtection", False), (("accessLogs", "enabled"), False),
          _key("dropInvalidHeaderFields", GONE), _key("desyncMitigationMode", "monitor")),
    _case("aws-listener", "aws:lb/listener:Listener",
          {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
          _key("sslPolicy", "ELBSecurityPolicy-2016-08")),
    _case("aws-listener", "aws:lb/listener:Listener",
          {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]},
          (("defaultActions", 0), {"type": "forward"})),
    _case("aws-ecr", "aws:ecr/repository:Repository",
          {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True},
           "encryptionConfigurations": [{"encryptionType": "KMS"}]},
          _key("imageTagMutability", "MUTABLE"), (("imageScanningConfiguration", "scanOnPush"), False),
          _key("encryptionConfigurations", []), _key("forceDelete", True)),
    _case("aws-queues", "aws:sqs/queue:Queue", {"kmsMasterKeyId": "k"}, _key("kmsMasterKeyId", GONE)),
    _case("aws-queues", "aws:sns/topic:Topic", {"kmsMasterKeyId": "k"}, _key("kmsMasterKeyId", GONE)),
    _case("aws-resource-policies", "aws:s3/bucketPolicy:BucketPolicy",
          {"policy": _document(_EVERYBODY | {"Effect": "Deny"})}, _key("policy", _document(_EVERYBODY))),
    _case("aws-secrets", "aws:secretsmanager/secret:Secret", {"kmsKeyId": "k", "recoveryWindowInDays": 30},
          _key("kmsKeyId", GONE), _key("recoveryWindowInDays", 0)),
    _case("aws-ecs-task", "aws:ecs/taskDefinition:TaskDefinition", _TASK,
          _task(privileged=True), _task(readonlyRootFilesystem=False), _task(user="root"), _task(logConfiguration=None),
          _task(image="agent:latest"), _task(environment=[{"name": "API_KEY", "value": "x"}]),
          _key("networkMode", "host"), _key("pidMode", "host"), _key("volumes", [{"name": "r", "hostPath": "/"}])),
    _case("aws-ecs-task", "aws:ecs/taskDefinition:TaskDefinition",
          {**_TASK, "containerDefinitions": json.dumps([_WRITER, _WAITS])},
          _key("containerDefinitions", json.dumps([_WRITER, _CONTAINER])), _written(essential=True),
          _written(linuxParameters={}), _written(portMappings=[{"containerPort": 80}]),
          _written(linuxParameters={"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}})),
    _case("aws-ecs-service", "aws:ecs/service:Service",
          {"networkConfiguration": {"assignPublicIp": False}, "deploymentCircuitBreaker": {"rollback": True}},
          (("networkConfiguration", "assignPublicIp"), True), _key("enableExecuteCommand", True),
          (("deploymentCircuitBreaker", "rollback"), False)),
    _case("aws-ecs-cluster", "aws:ecs/cluster:Cluster",
          {"settings": [{"name": "containerInsights", "value": "enabled"}]}, (("settings", 0, "value"), "disabled")),
    _case("aws-backup", "aws:backup/vault:Vault", {"kmsKeyArn": "k"}, _key("kmsKeyArn", GONE),
          _key("forceDestroy", True)),
    _case("aws-force-destroy", "aws:s3/bucket:Bucket", {"bucket": "data"}, _key("forceDestroy", True)),
    _case("aws-waf", "aws:wafv2/webAcl:WebAcl",
          {"rules": [{"name": "r", "overrideAction": {"none": {}}}],
           "visibilityConfig": {"cloudwatchMetricsEnabled": True}},
          _key("rules", []), (("rules", 0, "overrideAction"), {"count": {}}),
          (("visibilityConfig", "cloudwatchMetricsEnabled"), False)),
    Case(policy="aws-tags", type="pulumi:providers:aws", good={"defaultTags": json.dumps({"tags": _TAGS})},
         bad=[_key("defaultTags", json.dumps({"tags": {}})), _key("defaultTags", GONE)],
         beside=(_beside("aws:sqs/queue:Queue", name="q"),)),
    Case(policy="aws-tags", type="aws:sqs/queue:Queue", good={"tags": _TAGS},
         bad=[_key("tags", {}), _key("tags", GONE)], beside=(_beside("pulumi:providers:aws", region="eu-central-1"),)),
    _case("aws-budget", "aws:budgets/budget:Budget", {"notifications": [{"threshold": 80}]}, _key("notifications", [])),
)  # fmt: skip
