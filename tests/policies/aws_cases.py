"""The same for policies about AWS resources, by their properties."""

from __future__ import annotations

import json
from collections.abc import Mapping

from policies.harness import Asked, Value
from tests.policies.cases import GONE, Case, Path

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent@sha256:" + "a" * 64
_EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def made(
    policy: str, kind: str, good: Mapping[str, Value], *bad: tuple[Path, Value], beside: tuple[Asked, ...] = ()
) -> Case:
    return Case(policy=policy, type=kind, good=good, bad=bad, beside=beside)


def key(key: str, value: Value) -> tuple[Path, Value]:
    return (key,), value


def document(*statements: Mapping[str, Value]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def beside(kind: str, **props: Value) -> Asked:
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
    return key("containerDefinitions", json.dumps([_CONTAINER | changes]))


# Writes files before the other starts: no reason to be root either.
_WRITER = {**_CONTAINER, "name": "files", "essential": False}
_WAITS = _CONTAINER | {"dependsOn": [{"containerName": "files", "condition": "SUCCESS"}]}


def _written(**changes: Value) -> tuple[Path, Value]:
    return key("containerDefinitions", json.dumps([_WRITER | changes, _WAITS]))


_NAMED = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/*"}
_SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PARTS = ("PublicAccessBlock", "ServerSideEncryptionConfiguration", "Versioning", "OwnershipControls")
_OF_BUCKET = tuple(beside(f"aws:s3/bucket{part}:Bucket{part}", bucket="data") for part in _PARTS)

AWS = (
    made("aws-s3-public", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", dict.fromkeys(_BLOCKS, True),
          *(key(block, value) for block in _BLOCKS for value in (False, GONE))),
    made("aws-s3-parts", "aws:s3/bucket:Bucket", {"bucket": "data"}, beside=_OF_BUCKET),
    made("aws-s3-object-lock", "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
          {"bucket": "data", "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}},
          (("rule", "defaultRetention", "mode"), "GOVERNANCE"), (("rule", "defaultRetention", "days"), 0),
          key("rule", GONE), beside=(beside("aws:s3/bucket:Bucket", bucket="data", objectLockEnabled=True),)),
    made("aws-s3-versioning", "aws:s3/bucketVersioning:BucketVersioning",
          {"versioningConfiguration": {"status": "Enabled"}}, (("versioningConfiguration", "status"), "Suspended")),
    made("aws-s3-encryption",
          "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
          {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
          (("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"), "AES256")),
    made("aws-rds", "aws:rds/instance:Instance",
          {"storageEncrypted": True, "deletionProtection": True, "copyTagsToSnapshot": True,
           "publiclyAccessible": False, "backupRetentionPeriod": 14, "autoMinorVersionUpgrade": True},
          key("storageEncrypted", False), key("deletionProtection", GONE), key("copyTagsToSnapshot", False),
          key("publiclyAccessible", True), key("backupRetentionPeriod", 0), key("skipFinalSnapshot", True),
          key("autoMinorVersionUpgrade", False)),
    made("aws-rds-tls", "aws:rds/parameterGroup:ParameterGroup",
          {"family": "postgres16", "parameters": [{"name": "rds.force_ssl", "value": "1"}]},
          (("parameters", 0, "value"), "0"), key("parameters", [])),
    made("aws-elasticache", "aws:elasticache/replicationGroup:ReplicationGroup",
          {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True, "userGroupIds": ["g"],
           "snapshotRetentionLimit": 7},
          key("atRestEncryptionEnabled", False), key("transitEncryptionEnabled", False), key("userGroupIds", []),
          key("snapshotRetentionLimit", 0)),
    made("aws-elasticache-user", "aws:elasticache/user:User",
          {"accessString": "on ~*", "authenticationMode": {"type": "iam"}},
          (("authenticationMode", "type"), "no-password-required"), key("noPasswordRequired", True)),
    made("aws-eks", "aws:eks/cluster:Cluster",
          {"vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
           "encryptionConfig": {"resources": ["secrets"]}, "accessConfig": {"authenticationMode": "API"},
           "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"]},
          (("vpcConfig", "endpointPublicAccess"), True), (("vpcConfig", "endpointPrivateAccess"), False),
          key("encryptionConfig", GONE), key("enabledClusterLogTypes", ["api"]),
          (("accessConfig", "authenticationMode"), "CONFIG_MAP"), key("deletionProtection", False)),
    made("aws-launch-template", "aws:ec2/launchTemplate:LaunchTemplate",
          {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
           "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}]},
          (("metadataOptions", "httpTokens"), "optional"), (("metadataOptions", "httpPutResponseHopLimit"), 2),
          (("blockDeviceMappings", 0, "ebs", "encrypted"), "false"),
          key("networkInterfaces", [{"associatePublicIpAddress": "true"}])),
    made("aws-default-security-group", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": "v"},
          key("ingress", [{"fromPort": 0}]), key("egress", [{"fromPort": 0}])),
    made("aws-default-security-group-declared", _VPC, {},
          beside=(beside("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),)),
    made("aws-flow-logs", _VPC, {}, beside=(beside("aws:ec2/flowLog:FlowLog", trafficType="ALL"),)),
    made("aws-ingress", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
          {"cidrIpv4": "0.0.0.0/0", "fromPort": 443, "toPort": 443}, key("fromPort", 22), key("toPort", 65535)),
    made("aws-ingress", "aws:ec2/securityGroup:SecurityGroup",
          {"ingress": [{"cidrBlocks": ["10.0.0.0/8"], "fromPort": 22, "toPort": 22}]},
          (("ingress", 0, "cidrBlocks"), ["0.0.0.0/0"])),
    made("aws-subnet", "aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": False}, key("mapPublicIpOnLaunch", True)),
    made("aws-iam-wildcards", "aws:iam/policy:Policy", {"policy": document(_NAMED)},
          key("policy", document(_NAMED | {"Action": "*"})), key("policy", document(_NAMED | {"Action": "s3:*"})),
          key("policy", document(_NAMED | {"Action": "s3:PutObject", "Resource": "*"})),
          key("policy", document(_NAMED | {"NotAction": "iam:*"}))),
    made("aws-iam-trust", "aws:iam/role:Role", {"assumeRolePolicy": document(_SERVICE)},
          key("assumeRolePolicy", document(_SERVICE | {"Principal": {"AWS": "*"}})),
          key("assumeRolePolicy", document(_SERVICE | {"Principal": {"Federated": "arn"}}))),
    made("aws-kms", "aws:kms/key:Key", {"enableKeyRotation": True, "deletionWindowInDays": 30},
          key("enableKeyRotation", False), key("deletionWindowInDays", 7)),
    made("aws-log-group", "aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 365, "kmsKeyId": "k"},
          key("retentionInDays", GONE), key("retentionInDays", 0), key("kmsKeyId", GONE)),
    made("aws-load-balancer", "aws:lb/loadBalancer:LoadBalancer",
          {"enableDeletionProtection": True, "accessLogs": {"enabled": True}, "dropInvalidHeaderFields": True},
          key("enableDeletionProtection", False), (("accessLogs", "enabled"), False),
          key("dropInvalidHeaderFields", GONE), key("desyncMitigationMode", "monitor")),
    made("aws-listener", "aws:lb/listener:Listener",
          {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
          key("sslPolicy", "ELBSecurityPolicy-2016-08")),
    made("aws-listener", "aws:lb/listener:Listener",
          {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]},
          (("defaultActions", 0), {"type": "forward"})),
    made("aws-ecr", "aws:ecr/repository:Repository",
          {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True},
           "encryptionConfigurations": [{"encryptionType": "KMS"}]},
          key("imageTagMutability", "MUTABLE"), (("imageScanningConfiguration", "scanOnPush"), False),
          key("encryptionConfigurations", []), key("forceDelete", True)),
    made("aws-queues", "aws:sqs/queue:Queue", {"kmsMasterKeyId": "k"}, key("kmsMasterKeyId", GONE)),
    made("aws-queues", "aws:sns/topic:Topic", {"kmsMasterKeyId": "k"}, key("kmsMasterKeyId", GONE)),
    made("aws-resource-policies", "aws:s3/bucketPolicy:BucketPolicy",
          {"policy": document(_EVERYBODY | {"Effect": "Deny"})}, key("policy", document(_EVERYBODY))),
    made("aws-secrets", "aws:secretsmanager/secret:Secret", {"kmsKeyId": "k", "recoveryWindowInDays": 30},
          key("kmsKeyId", GONE), key("recoveryWindowInDays", 0)),
    made("aws-ecs-task", "aws:ecs/taskDefinition:TaskDefinition", _TASK,
          _task(privileged=True), _task(readonlyRootFilesystem=False), _task(user="root"), _task(logConfiguration=None),
          _task(image="agent:latest"), _task(environment=[{"name": "API_KEY", "value": "x"}]),
          key("networkMode", "host"), key("pidMode", "host"), key("volumes", [{"name": "r", "hostPath": "/"}])),
    made("aws-ecs-task", "aws:ecs/taskDefinition:TaskDefinition",
          {**_TASK, "containerDefinitions": json.dumps([_WRITER, _WAITS])},
          _written(user="0"), _written(user="0:65532"), _written(user=None)),
    made("aws-ecs-service", "aws:ecs/service:Service",
          {"networkConfiguration": {"assignPublicIp": False}, "deploymentCircuitBreaker": {"rollback": True}},
          (("networkConfiguration", "assignPublicIp"), True), key("enableExecuteCommand", True),
          (("deploymentCircuitBreaker", "rollback"), False)),
    made("aws-ecs-cluster", "aws:ecs/cluster:Cluster",
          {"settings": [{"name": "containerInsights", "value": "enabled"}]}, (("settings", 0, "value"), "disabled")),
    made("aws-backup", "aws:backup/vault:Vault", {"kmsKeyArn": "k"}, key("kmsKeyArn", GONE),
          key("forceDestroy", True)),
    made("aws-force-destroy", "aws:s3/bucket:Bucket", {"bucket": "data"}, key("forceDestroy", True)),
    made("aws-waf", "aws:wafv2/webAcl:WebAcl",
          {"rules": [{"name": "r", "overrideAction": {"none": {}}}],
           "visibilityConfig": {"cloudwatchMetricsEnabled": True}},
          key("rules", []), (("rules", 0, "overrideAction"), {"count": {}}),
          (("visibilityConfig", "cloudwatchMetricsEnabled"), False)),
    Case(policy="aws-tags", type="pulumi:providers:aws", good={"defaultTags": json.dumps({"tags": _TAGS})},
         bad=[key("defaultTags", json.dumps({"tags": {}})), key("defaultTags", GONE)],
         beside=(beside("aws:sqs/queue:Queue", name="q"),)),
    Case(policy="aws-tags", type="aws:sqs/queue:Queue", good={"tags": _TAGS},
         bad=[key("tags", {}), key("tags", GONE)], beside=(beside("pulumi:providers:aws", region="eu-central-1"),)),
    made("aws-budget", "aws:budgets/budget:Budget", {"notifications": [{"threshold": 80}]}, key("notifications", [])),
    made("aws-cost-ceiling", "aws:budgets/budget:Budget", {"limitAmount": "200.0"}, key("limitAmount", "199.0"),
         beside=(beside("aws:ec2/subnet:Subnet", availabilityZone="eu-west-1b"),
                 beside("aws:eks/nodeGroup:NodeGroup", instanceTypes=["m7g.xlarge", "m7g.large"],
                        scalingConfig={"minSize": 3}))),
    made("aws-quotas", "aws:ec2/natGateway:NatGateway", {"subnetId": "a"}, key("subnetId", "b"),
         beside=tuple(beside("aws:ec2/natGateway:NatGateway", subnetId="b") for _ in range(5))),
)  # fmt: skip
