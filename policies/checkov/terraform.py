"""AWS resources of a Pulumi stack as a Terraform plan.

Pulumi's AWS provider is made from Terraform's: names differ by their case, lists of blocks by a plural.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from policies.rule import Resource, Value

_TYPES = {
    "acm/certificate:Certificate": "acm_certificate",
    "acm/certificateValidation:CertificateValidation": "acm_certificate_validation",
    "acmpca/certificate:Certificate": "acmpca_certificate",
    "acmpca/certificateAuthority:CertificateAuthority": "acmpca_certificate_authority",
    "acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": (
        "acmpca_certificate_authority_certificate"
    ),
    "appautoscaling/policy:Policy": "appautoscaling_policy",
    "appautoscaling/target:Target": "appautoscaling_target",
    "autoscaling/attachment:Attachment": "autoscaling_attachment",
    "backup/plan:Plan": "backup_plan",
    "backup/selection:Selection": "backup_selection",
    "backup/vault:Vault": "backup_vault",
    "backup/vaultLockConfiguration:VaultLockConfiguration": "backup_vault_lock_configuration",
    "budgets/budget:Budget": "budgets_budget",
    "cloudwatch/dashboard:Dashboard": "cloudwatch_dashboard",
    "cloudwatch/eventRule:EventRule": "cloudwatch_event_rule",
    "cloudwatch/eventTarget:EventTarget": "cloudwatch_event_target",
    "cloudwatch/logGroup:LogGroup": "cloudwatch_log_group",
    "cloudwatch/logMetricFilter:LogMetricFilter": "cloudwatch_log_metric_filter",
    "cloudwatch/metricAlarm:MetricAlarm": "cloudwatch_metric_alarm",
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": "default_security_group",
    "ec2/eip:Eip": "eip",
    "ec2/flowLog:FlowLog": "flow_log",
    "ec2/internetGateway:InternetGateway": "internet_gateway",
    "ec2/launchTemplate:LaunchTemplate": "launch_template",
    "ec2/natGateway:NatGateway": "nat_gateway",
    "ec2/route:Route": "route",
    "ec2/routeTable:RouteTable": "route_table",
    "ec2/routeTableAssociation:RouteTableAssociation": "route_table_association",
    "ec2/securityGroup:SecurityGroup": "security_group",
    "ec2/subnet:Subnet": "subnet",
    "ec2/vpc:Vpc": "vpc",
    "ec2/vpcEndpoint:VpcEndpoint": "vpc_endpoint",
    "ecr/lifecyclePolicy:LifecyclePolicy": "ecr_lifecycle_policy",
    "ecr/registryScanningConfiguration:RegistryScanningConfiguration": "ecr_registry_scanning_configuration",
    "ecr/replicationConfiguration:ReplicationConfiguration": "ecr_replication_configuration",
    "ecr/repository:Repository": "ecr_repository",
    "ecs/cluster:Cluster": "ecs_cluster",
    "ecs/clusterCapacityProviders:ClusterCapacityProviders": "ecs_cluster_capacity_providers",
    "ecs/service:Service": "ecs_service",
    "ecs/taskDefinition:TaskDefinition": "ecs_task_definition",
    "eks/accessEntry:AccessEntry": "eks_access_entry",
    "eks/accessPolicyAssociation:AccessPolicyAssociation": "eks_access_policy_association",
    "eks/addon:Addon": "eks_addon",
    "eks/cluster:Cluster": "eks_cluster",
    "eks/nodeGroup:NodeGroup": "eks_node_group",
    "eks/podIdentityAssociation:PodIdentityAssociation": "eks_pod_identity_association",
    "elasticache/replicationGroup:ReplicationGroup": "elasticache_replication_group",
    "elasticache/subnetGroup:SubnetGroup": "elasticache_subnet_group",
    "elasticache/user:User": "elasticache_user",
    "elasticache/userGroup:UserGroup": "elasticache_user_group",
    "iam/policy:Policy": "iam_policy",
    "iam/role:Role": "iam_role",
    "iam/rolePolicyAttachment:RolePolicyAttachment": "iam_role_policy_attachment",
    "kms/alias:Alias": "kms_alias",
    "kms/key:Key": "kms_key",
    "lambda/function:Function": "lambda_function",
    "lambda/permission:Permission": "lambda_permission",
    "lb/listener:Listener": "lb_listener",
    "lb/listenerCertificate:ListenerCertificate": "lb_listener_certificate",
    "lb/listenerRule:ListenerRule": "lb_listener_rule",
    "lb/loadBalancer:LoadBalancer": "lb",
    "lb/targetGroup:TargetGroup": "lb_target_group",
    "rds/instance:Instance": "db_instance",
    "rds/parameterGroup:ParameterGroup": "db_parameter_group",
    "rds/subnetGroup:SubnetGroup": "db_subnet_group",
    "route53/healthCheck:HealthCheck": "route53_health_check",
    "route53/hostedZoneDnsSec:HostedZoneDnsSec": "route53_hosted_zone_dnssec",
    "route53/keySigningKey:KeySigningKey": "route53_key_signing_key",
    "route53/record:Record": "route53_record",
    "route53/zone:Zone": "route53_zone",
    "s3/bucket:Bucket": "s3_bucket",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3_bucket_lifecycle_configuration",
    "s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": "s3_bucket_object_lock_configuration",
    "s3/bucketOwnershipControls:BucketOwnershipControls": "s3_bucket_ownership_controls",
    "s3/bucketPolicy:BucketPolicy": "s3_bucket_policy",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "s3_bucket_public_access_block",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3_bucket_server_side_encryption_configuration"
    ),
    "s3/bucketVersioning:BucketVersioning": "s3_bucket_versioning",
    "secretsmanager/secret:Secret": "secretsmanager_secret",
    "secretsmanager/secretPolicy:SecretPolicy": "secretsmanager_secret_policy",
    "secretsmanager/secretRotation:SecretRotation": "secretsmanager_secret_rotation",
    "servicediscovery/httpNamespace:HttpNamespace": "service_discovery_http_namespace",
    "sns/topic:Topic": "sns_topic",
    "sns/topicPolicy:TopicPolicy": "sns_topic_policy",
    "sns/topicSubscription:TopicSubscription": "sns_topic_subscription",
    "sqs/queue:Queue": "sqs_queue",
    "sqs/queuePolicy:QueuePolicy": "sqs_queue_policy",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": "vpc_security_group_egress_rule",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": "vpc_security_group_ingress_rule",
    "wafv2/webAcl:WebAcl": "wafv2_web_acl",
    "wafv2/webAclAssociation:WebAclAssociation": "wafv2_web_acl_association",
    "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "wafv2_web_acl_logging_configuration",
}
# Lists that Pulumi names in the plural and Terraform, block by block, in the singular.
_SINGULAR = {
    "actions": "action",
    "attributes": "attribute",
    "conditions": "condition",
    "default_actions": "default_action",
    "encryption_configurations": "encryption_configuration",
    "load_balancers": "load_balancer",
    "network_interfaces": "network_interface",
    "notifications": "notification",
    "parameters": "parameter",
    "rules": "rule",
    "settings": "setting",
    "statements": "statement",
    "volumes": "volume",
}
# Keys below these are names that people chose, and stay as they are.
_FREE = frozenset({"tags", "tags_all", "labels", "variables"})
_CASE = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(name: str) -> str:
    """`kmsKeyId` → `kms_key_id`."""
    return _CASE.sub(lambda found: f"_{found.group(1).lower()}", name)


def terraform_type(type_: str) -> str | None:
    """`aws:s3/bucket:Bucket` → `aws_s3_bucket`; None where the table does not have it."""
    name = _TYPES.get(type_.removeprefix("aws:"))
    return None if name is None else f"aws_{name}"


def plan(resources: Sequence[Resource]) -> Mapping[str, Value]:
    """The resources as checkov's `terraform_plan` reads them. A URN is the address: findings come back with it."""
    rows = [
        {
            "address": each.urn,
            "mode": "managed",
            "type": terraform_type(each.type),
            # Not its name, which two of a stack may share: checkov keeps what it made of a policy document by this.
            "name": each.urn,
            "values": blocks(each.props),
        }
        for each in resources
    ]
    return {"terraform_version": "1.9.0", "planned_values": {"root_module": {"resources": rows}}}


def blocks(value: Value) -> Value:
    """A resource's properties under Terraform's names."""
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            name = snake(str(key))
            several = isinstance(item, list) and all(isinstance(each, Mapping) for each in item)
            name = _SINGULAR.get(name, name) if several else name
            result[name] = item if name in _FREE else blocks(item)
        return result
    return [blocks(item) for item in value] if isinstance(value, list) else value
