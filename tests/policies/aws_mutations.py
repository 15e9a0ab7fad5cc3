"""Each hardening property of the graphs of AWS environments, switched off one at a time: by type, what and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from policies.rule import Resource, Value, at, entries, items, texts
from tests.policies.cases import GONE, Path

Change = tuple[Path, Value]
_WORLD = "0.0.0.0/0"
# One of these is needed, whoever else there is.
LEFT_OUT = frozenset(
    {
        "aws:backup/plan:Plan",
        "aws:backup/selection:Selection",
        "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        "aws:budgets/budget:Budget",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "aws:ec2/flowLog:FlowLog",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
        "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec",
        "aws:route53/keySigningKey:KeySigningKey",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
    }
)
# Type → what is switched off by one value: a property that is true becomes false, one that is set goes.
FLIPS: Mapping[str, tuple[tuple[str, Value], ...]] = {
    "pulumi:providers:aws": (("allowedAccountIds", GONE), ("allowedAccountIds", "[]")),
    "aws:acm/certificate:Certificate": (
        ("keyAlgorithm", "RSA_1024"),
        ("validationMethod", "EMAIL"),
        ("options.certificateTransparencyLoggingPreference", "DISABLED"),
    ),
    "aws:acmpca/certificateAuthority:CertificateAuthority": (
        ("certificateAuthorityConfiguration.keyAlgorithm", "RSA_1024"),
        ("certificateAuthorityConfiguration.signingAlgorithm", "SHA1WITHRSA"),
        ("permanentDeletionTimeInDays", 7),
    ),
    "aws:backup/vault:Vault": (("kmsKeyArn", GONE), ("forceDestroy", True)),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": (("minRetentionDays", 0), ("minRetentionDays", GONE)),
    "aws:backup/plan:Plan": (("rules.0.lifecycle.deleteAfter", 1), ("rules.0.lifecycle", GONE)),
    "aws:backup/selection:Selection": (("selectionTags", []), ("selectionTags.0.value", "never")),
    "aws:budgets/budget:Budget": (("notifications", []),),
    "aws:cloudwatch/logGroup:LogGroup": (("retentionInDays", GONE), ("retentionInDays", 0), ("kmsKeyId", GONE)),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (("alarmActions", []), ("actionsEnabled", False)),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (
        ("ingress", [{"protocol": "-1", "self": True}]),
        ("egress", [{"protocol": "-1", "cidrBlocks": [_WORLD]}]),
    ),
    "aws:ec2/flowLog:FlowLog": (("trafficType", "REJECT"),),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        ("metadataOptions.httpTokens", "optional"),
        ("metadataOptions.httpPutResponseHopLimit", 2),
        ("metadataOptions", GONE),
        ("blockDeviceMappings.0.ebs.encrypted", "false"),
        ("blockDeviceMappings.0.ebs.kmsKeyId", GONE),
        ("networkInterfaces", [{"associatePublicIpAddress": "true"}]),
        ("keyName", "everybody"),
        ("vpcSecurityGroupIds", []),
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        ("ingress", [{"cidrBlocks": [_WORLD], "fromPort": 22, "toPort": 22, "protocol": "tcp"}]),
        ("egress", [{"cidrBlocks": [_WORLD], "fromPort": 0, "toPort": 0, "protocol": "-1"}]),
    ),
    "aws:ec2/subnet:Subnet": (("mapPublicIpOnLaunch", True),),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": (
        ("scanType", "BASIC"),
        ("rules", []),
        ("rules.0.scanFrequency", "MANUAL"),
    ),
    "aws:ecr/repository:Repository": (
        ("imageTagMutability", "MUTABLE"),
        ("imageScanningConfiguration.scanOnPush", False),
        ("imageScanningConfiguration", GONE),
        ("encryptionConfigurations.0.encryptionType", "AES256"),
        ("encryptionConfigurations", []),
        ("forceDelete", True),
    ),
    "aws:ecs/cluster:Cluster": (
        ("settings.0.value", "disabled"),
        ("configuration", GONE),
        ("configuration.executeCommandConfiguration.logging", "NONE"),
        ("configuration.executeCommandConfiguration.kmsKeyId", GONE),
        ("configuration.executeCommandConfiguration.logConfiguration.cloudWatchEncryptionEnabled", False),
    ),
    "aws:ecs/service:Service": (
        ("networkConfiguration.assignPublicIp", True),
        ("networkConfiguration.securityGroups", []),
        ("enableExecuteCommand", True),
        ("deploymentCircuitBreaker.rollback", False),
        ("deploymentCircuitBreaker.enable", False),
        ("platformVersion", "1.3.0"),
        ("serviceConnectConfiguration.services.0.tls", GONE),
    ),
    "aws:ecs/taskDefinition:TaskDefinition": (
        ("networkMode", "host"),
        ("pidMode", "host"),
        ("ipcMode", "host"),
        ("volumes", [{"name": "root", "hostPath": "/"}]),
    ),
    "aws:eks/accessEntry:AccessEntry": (("principalArn", "arn:aws:iam::123456789012:root"),),
    "aws:eks/cluster:Cluster": (
        ("vpcConfig.endpointPublicAccess", True),
        ("vpcConfig.endpointPrivateAccess", False),
        ("encryptionConfig", GONE),
        ("encryptionConfig.resources", []),
        ("enabledClusterLogTypes", []),
        ("enabledClusterLogTypes", ["api"]),
        ("accessConfig.authenticationMode", "CONFIG_MAP"),
        ("accessConfig.bootstrapClusterCreatorAdminPermissions", True),
        ("accessConfig", GONE),
        ("deletionProtection", False),
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        ("remoteAccess", {"ec2SshKey": "everybody"}),
        ("launchTemplate", GONE),
        ("scalingConfig.minSize", 1000),
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        ("atRestEncryptionEnabled", False),
        ("transitEncryptionEnabled", False),
        ("transitEncryptionMode", "preferred"),
        ("userGroupIds", []),
        ("snapshotRetentionLimit", 0),
        ("kmsKeyId", GONE),
        ("autoMinorVersionUpgrade", False),
        ("subnetGroupName", "default"),
        ("securityGroupIds", []),
        ("logDeliveryConfigurations", []),
    ),
    "aws:elasticache/user:User": (
        ("authenticationMode.type", "no-password-required"),
        ("noPasswordRequired", True),
        ("accessString", "on ~* +@all"),
    ),
    "aws:kms/key:Key": (("deletionWindowInDays", 7),),
    "aws:lb/loadBalancer:LoadBalancer": (
        ("enableDeletionProtection", False),
        ("accessLogs.enabled", False),
        ("accessLogs", GONE),
        ("dropInvalidHeaderFields", False),
        ("desyncMitigationMode", "monitor"),
        ("securityGroups", []),
    ),
    "aws:rds/instance:Instance": (
        ("storageEncrypted", False),
        ("deletionProtection", False),
        ("copyTagsToSnapshot", False),
        ("publiclyAccessible", True),
        ("skipFinalSnapshot", True),
        ("backupRetentionPeriod", 0),
        ("autoMinorVersionUpgrade", False),
        ("iamDatabaseAuthenticationEnabled", False),
        ("manageMasterUserPassword", GONE),
        ("username", "postgres"),
        ("kmsKeyId", GONE),
        ("masterUserSecretKmsKeyId", GONE),
        ("performanceInsightsKmsKeyId", GONE),
        ("dbSubnetGroupName", GONE),
        ("parameterGroupName", GONE),
        ("vpcSecurityGroupIds", []),
        ("deleteAutomatedBackups", True),
        ("enabledCloudwatchLogsExports", []),
        ("monitoringInterval", 0),
        ("tags.groundwork:backup", GONE),
    ),
    "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec": (("signingStatus", "NOT_SIGNING"),),
    "aws:route53/keySigningKey:KeySigningKey": (("status", "INACTIVE"),),
    "aws:route53/zone:Zone": (("forceDestroy", True),),
    "aws:s3/bucket:Bucket": (("forceDestroy", True),),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": (
        ("rule.defaultRetention.mode", "GOVERNANCE"),
        ("rule.defaultRetention.days", 0),
        ("rule.defaultRetention", GONE),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (("rule.objectOwnership", "ObjectWriter"),),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": tuple(
        (key, value)
        for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        for value in (False, GONE)
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (("versioningConfiguration.status", "Suspended"),),
    "aws:lambda/function:Function": (("kmsKeyArn", GONE), ("loggingConfig.logGroup", GONE)),
    "aws:lambda/permission:Permission": (("principal", "*"), ("sourceArn", GONE), ("sourceAccount", GONE)),
    "aws:secretsmanager/secretRotation:SecretRotation": (("rotationRules.automaticallyAfterDays", 365),),
    "aws:sns/topic:Topic": (("kmsMasterKeyId", GONE),),
    "aws:wafv2/webAcl:WebAcl": (
        ("rules", []),
        ("rules.0.action", {"count": {}}),
        ("visibilityConfig.cloudwatchMetricsEnabled", False),
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": (("redactedFields", []),),
}


def aws_changes(resource: Resource) -> Iterator[Change]:
    """All that can be switched off in one resource of AWS."""
    for path, value in FLIPS.get(resource.type, ()):
        yield tuple(int(part) if part.isdigit() else part for part in path.split(".")), value
    for tag in ("groundwork:environment", "groundwork:cost-centre"):
        if at(resource.props, "tags", tag) is not None:
            yield ("tags", tag), GONE
    yield from OF_TYPE.get(resource.type, _nothing)(resource)


def _nothing(_resource: Resource) -> Iterator[Change]:
    return iter(())


def _statements(resource: Resource, key: str) -> tuple[dict[str, Value], list[dict[str, Value]]]:
    given = resource.at(key)
    document = json.loads(given) if isinstance(given, str) else {}
    return document, [dict(entries(each)) for each in items(at(document, "Statement"))]


def _each_statement(
    resource: Resource, key: str, change: Callable[[dict[str, Value]], Iterator[dict[str, Value]]]
) -> Iterator[Change]:
    """The policy with one of its statements changed."""
    document, statements = _statements(resource, key)
    for number, statement in enumerate(statements):
        for changed in change(statement):
            yield (
                (key,),
                json.dumps(document | {"Statement": [*statements[:number], changed, *statements[number + 1 :]]}),
            )


def _opened(statement: dict[str, Value]) -> Iterator[dict[str, Value]]:
    """For everybody; by a service for whoever asks it."""
    if statement.get("Effect") != "Allow":
        return
    bare = {key: value for key, value in statement.items() if key != "Condition"}
    yield bare | {"Principal": "*"}
    yield bare | {"Principal": {"AWS": "*"}}
    if "Condition" in statement:
        yield bare


def _resource_policy(resource: Resource) -> Iterator[Change]:
    yield from _each_statement(resource, "policy", _opened)
    document, statements = _statements(resource, "policy")
    kept = [each for each in statements if each.get("Effect") != "Deny"]
    if len(kept) < len(statements):
        yield ("policy",), json.dumps(document | {"Statement": kept})


def _key(resource: Resource) -> Iterator[Change]:
    yield from _resource_policy(resource)
    if resource.at("keyUsage") != "SIGN_VERIFY":
        yield ("enableKeyRotation",), False


def _trust(resource: Resource) -> Iterator[Change]:
    yield from _each_statement(resource, "assumeRolePolicy", _opened)


def _widened(statement: dict[str, Value]) -> Iterator[dict[str, Value]]:
    """Everything, everything of one service, and on every resource."""
    service = texts(statement["Action"])[0].partition(":")[0]
    bare = {key: value for key, value in statement.items() if key != "Condition"}
    yield bare | {"Action": "*"}
    yield bare | {"Action": f"{service}:*"}
    yield bare | {"Action": f"{service}:DeleteEverything", "Resource": "*"}


def _identity_policy(resource: Resource) -> Iterator[Change]:
    yield from _each_statement(resource, "policy", _widened)


def _attachment(_resource: Resource) -> Iterator[Change]:
    yield ("policyArn",), "arn:aws:iam::aws:policy/AdministratorAccess"


def _ingress(resource: Resource) -> Iterator[Change]:
    if resource.at("cidrIpv4") != _WORLD:
        yield ("cidrIpv4",), _WORLD
        yield ("cidrIpv6",), "::/0"
        return
    yield ("fromPort",), 0
    yield ("toPort",), 65535
    yield ("ipProtocol",), "-1"


def _egress(resource: Resource) -> Iterator[Change]:
    yield (), {**dict(entries(resource.props)), "cidrIpv4": _WORLD, "ipProtocol": "-1"}
    yield (), {**dict(entries(resource.props)), "cidrIpv4": _WORLD, "fromPort": 0, "toPort": 65535}


def _parameters(resource: Resource) -> Iterator[Change]:
    off = {"rds.force_ssl": "0", "ssl_min_protocol_version": "TLSv1", "row_security": "0", "log_connections": "0",
           "log_disconnections": "0", "log_statement": "none"}  # fmt: skip
    for number, parameter in enumerate(items(resource.at("parameters"))):
        if at(parameter, "name") in off:
            yield ("parameters", number, "value"), off[str(at(parameter, "name"))]
    yield ("parameters",), []


def _listener(resource: Resource) -> Iterator[Change]:
    if resource.at("protocol") == "HTTP":
        yield ("defaultActions", 0), {"type": "forward", "targetGroupArn": "arn"}
        yield ("defaultActions", 0, "redirect", "protocol"), "HTTP"
        return
    yield ("sslPolicy",), "ELBSecurityPolicy-2016-08"
    yield ("sslPolicy",), GONE
    yield ("protocol",), "HTTP"


def _target(resource: Resource) -> Iterator[Change]:
    if resource.at("targetType") == "instance":
        yield ("protocol",), "HTTP"


def _addon(resource: Resource) -> Iterator[Change]:
    if resource.at("podIdentityAssociations") is not None:
        yield ("podIdentityAssociations",), []
    if resource.at("addonName") == "vpc-cni":
        yield ("configurationValues",), GONE
        yield ("configurationValues",), json.dumps({"enableNetworkPolicy": "false"})


def _web_acl(resource: Resource) -> Iterator[Change]:
    wanted = {"rate", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"}
    rules = items(resource.at("rules"))
    for number, rule in enumerate(rules):
        if at(rule, "overrideAction") is not None:
            yield ("rules", number, "overrideAction"), {"count": {}}
        if at(rule, "name") in wanted:
            yield ("rules",), [*rules[:number], *rules[number + 1 :]]


def _encryption(resource: Resource) -> Iterator[Change]:
    # A load balancer's log cannot have a key of ours: an exception says so.
    if resource.at("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm") != "AES256":
        yield ("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"), "AES256"


def _log_redaction(resource: Resource) -> Iterator[Change]:
    fields = items(resource.at("redactedFields"))
    for number, field in enumerate(fields):
        if at(field, "singleHeader", "name") in {"authorization", "cookie", "x-api-key"}:
            yield ("redactedFields",), [*fields[:number], *fields[number + 1 :]]


def _task(resource: Resource) -> Iterator[Change]:
    containers = [dict(entries(each)) for each in items(json.loads(str(resource.at("containerDefinitions"))))]
    for number, container in enumerate(containers):
        for changed in _of_container(container):
            yield (
                ("containerDefinitions",),
                json.dumps([*containers[:number], container | changed, *containers[number + 1 :]]),
            )


def _of_container(container: dict[str, Value]) -> Iterator[dict[str, Value]]:
    yield {"privileged": True}
    yield {"readonlyRootFilesystem": False}
    yield {"logConfiguration": None}
    yield {"image": str(container["image"]).partition("@")[0] + ":latest"}
    yield {"environment": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    yield {"linuxParameters": {}}
    yield {"linuxParameters": {"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}}
    yield {"user": "0"}
    yield {"user": None}


def _bucket(resource: Resource) -> Iterator[Change]:
    if resource.at("objectLockEnabled") is True:
        yield ("objectLockEnabled",), False


OF_TYPE: Mapping[str, Callable[[Resource], Iterator[Change]]] = {
    "aws:ecs/taskDefinition:TaskDefinition": _task,
    "aws:eks/addon:Addon": _addon,
    "aws:iam/policy:Policy": _identity_policy,
    "aws:iam/role:Role": _trust,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:kms/key:Key": _key,
    "aws:lb/listener:Listener": _listener,
    "aws:lb/targetGroup:TargetGroup": _target,
    "aws:rds/parameterGroup:ParameterGroup": _parameters,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketPolicy:BucketPolicy": _resource_policy,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:sns/topicPolicy:TopicPolicy": _resource_policy,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _egress,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ingress,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": _log_redaction,
}
