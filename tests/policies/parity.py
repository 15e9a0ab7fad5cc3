"""Where two of pack, checkov and admission have the same rule: which, and where one of them is known to see less.

The fixtures are the pack's own (`cases.py`, `aws_cases.py`). Each is given to every part that has the rule.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.harness import Value
from policies.rule import Resource
from tests.policies.aws_cases import AWS
from tests.policies.aws_hardening_cases import HARDENING
from tests.policies.cases import KUBERNETES, Case, Path

CASES = (*KUBERNETES, *AWS, *HARDENING)

# The pack's rule → checkov's checks that ask the same. Each bad form must fail one of them, each good form none.
CHECKOV: Mapping[str, frozenset[str]] = {
    "k8s-pod-non-root": frozenset({"CKV_K8S_23", "CKV_K8S_40"}),
    "k8s-pod-no-escalation": frozenset({"CKV_K8S_20"}),
    "k8s-pod-not-privileged": frozenset({"CKV_K8S_16"}),
    "k8s-pod-capabilities": frozenset({"CKV_K8S_25", "CKV_K8S_37"}),
    "k8s-pod-seccomp": frozenset({"CKV_K8S_31"}),
    "k8s-pod-host-namespaces": frozenset({"CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19", "CKV_K8S_26"}),
    "k8s-pod-volumes": frozenset({"CKV_K8S_27"}),
    "k8s-pod-read-only-root": frozenset({"CKV_K8S_22"}),
    "k8s-pod-limits": frozenset({"CKV_K8S_10", "CKV_K8S_11", "CKV_K8S_12", "CKV_K8S_13"}),
    "k8s-pod-probes": frozenset({"CKV_K8S_8", "CKV_K8S_9"}),
    "k8s-pod-token": frozenset({"CKV_K8S_38"}),
    "k8s-image-digest": frozenset({"CKV_K8S_43"}),
    "k8s-default-namespace": frozenset({"CKV_K8S_21"}),
    "k8s-rbac-wildcards": frozenset({"CKV_K8S_49"}),
    "k8s-rbac-bindings": frozenset({"CKV_K8S_42"}),
    "aws-s3-public": frozenset({"CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"}),
    "aws-rds": frozenset({"CKV_AWS_16", "CKV_AWS_17", "CKV_AWS_133", "CKV_AWS_226", "CKV_AWS_293", "CKV2_AWS_60"}),
    "aws-elasticache": frozenset({"CKV_AWS_29", "CKV_AWS_30"}),
    "aws-eks": frozenset({"CKV_AWS_37", "CKV_AWS_39", "CKV_AWS_58"}),
    "aws-launch-template": frozenset({"CKV_AWS_79", "CKV_AWS_341"}),
    "aws-ingress": frozenset({"CKV_AWS_24", "CKV_AWS_25"}),
    "aws-subnet": frozenset({"CKV_AWS_130"}),
    "aws-iam-wildcards": frozenset({"CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_355"}),
    "aws-iam-trust": frozenset({"CKV_AWS_60"}),
    "aws-kms": frozenset({"CKV_AWS_7"}),
    "aws-log-group": frozenset({"CKV_AWS_66", "CKV_AWS_158"}),
    "aws-load-balancer": frozenset({"CKV_AWS_91", "CKV_AWS_131", "CKV_AWS_150", "CKV_AWS_328"}),
    "aws-listener": frozenset({"CKV_AWS_2", "CKV_AWS_103"}),
    "aws-ecr": frozenset({"CKV_AWS_51", "CKV_AWS_136", "CKV_AWS_163"}),
    "aws-queues": frozenset({"CKV_AWS_26", "CKV_AWS_27"}),
    "aws-resource-policies": frozenset({"CKV_AWS_70"}),
    "aws-secrets": frozenset({"CKV_AWS_149"}),
    "aws-ecs-task": frozenset({"CKV_AWS_336"}),
    "aws-ecs-service": frozenset({"CKV_AWS_333"}),
    "aws-ecs-cluster": frozenset({"CKV_AWS_65"}),
    "aws-backup": frozenset({"CKV_AWS_166"}),
    "aws-alarms": frozenset({"CKV_AWS_319"}),
    "aws-certificates": frozenset({"CKV_AWS_234"}),
    "aws-ecs-exec": frozenset({"CKV_AWS_223", "CKV_AWS_224"}),
    "aws-egress": frozenset({"CKV_AWS_382"}),
    "aws-eks-nodes": frozenset({"CKV_AWS_100"}),
    "aws-elasticache-access": frozenset({"CKV_AWS_191"}),
    "aws-iam-attachments": frozenset({"CKV_AWS_274"}),
    "aws-lambda": frozenset({"CKV_AWS_173"}),
    "aws-lambda-permission": frozenset({"CKV_AWS_301", "CKV_AWS_364"}),
    "aws-load-balancer-groups": frozenset({"CKV_AWS_378"}),
    "aws-rds-watched": frozenset({"CKV_AWS_118", "CKV_AWS_129"}),
    "aws-s3-ownership": frozenset({"CKV2_AWS_65"}),
    "aws-secret-rotation": frozenset({"CKV_AWS_304"}),
}

# Bad forms of these rules that checkov has no check for: the pack sees more.
PACK_ONLY = frozenset(
    {
        "aws-alarms 0-alarmActions",
        "aws-backup 1-forceDestroy",
        "aws-certificates 0-keyAlgorithm",
        "aws-certificates 1-validationMethod",
        "aws-certificates 2 0-certificateAuthorityConfiguration.keyAlgorithm",
        "aws-certificates 2 1-certificateAuthorityConfiguration.signingAlgorithm",
        "aws-certificates 2 2-permanentDeletionTimeInDays",
        "aws-ecr 3-forceDelete",
        "aws-ecs-exec 3-configuration",
        "aws-ecs-service 1-enableExecuteCommand",
        "aws-ecs-service 2-deploymentCircuitBreaker.rollback",
        "aws-ecs-task 0-containerDefinitions",
        "aws-ecs-task 2 0-containerDefinitions",
        "aws-ecs-task 2 1-containerDefinitions",
        "aws-ecs-task 2 2-containerDefinitions",
        "aws-ecs-task 2-containerDefinitions",
        "aws-ecs-task 3-containerDefinitions",
        "aws-ecs-task 4-containerDefinitions",
        "aws-ecs-task 5-containerDefinitions",
        "aws-ecs-task 6-networkMode",
        "aws-ecs-task 7-pidMode",
        "aws-ecs-task 8-volumes",
        "aws-egress 0-ipProtocol",
        "aws-egress 1-toPort",
        "aws-eks 1-vpcConfig.endpointPrivateAccess",
        "aws-eks 4-accessConfig.authenticationMode",
        "aws-eks 5-deletionProtection",
        "aws-eks-nodes 1-launchTemplate",
        "aws-eks-nodes 2 0-keyName",
        "aws-eks-nodes 2 1-vpcSecurityGroupIds",
        "aws-eks-nodes 2 2-blockDeviceMappings.0.ebs.kmsKeyId",
        "aws-elasticache 2-userGroupIds",
        "aws-elasticache 3-snapshotRetentionLimit",
        "aws-elasticache-access 0-transitEncryptionMode",
        "aws-elasticache-access 2-autoMinorVersionUpgrade",
        "aws-elasticache-access 3-subnetGroupName",
        "aws-elasticache-access 4-securityGroupIds",
        "aws-elasticache-access 5-logDeliveryConfigurations",
        "aws-iam-trust 1-assumeRolePolicy",
        "aws-iam-wildcards 1-policy",
        "aws-iam-wildcards 3-policy",
        "aws-kms 1-deletionWindowInDays",
        "aws-launch-template 2-blockDeviceMappings.0.ebs.encrypted",
        "aws-launch-template 3-networkInterfaces",
        "aws-lambda 1-loggingConfig.logGroup",
        "aws-lambda 2-loggingConfig",
        "aws-lambda-permission 1-sourceArn",
        "aws-lambda-permission 2-sourceAccount",
        "aws-lambda-permission 3-functionUrlAuthType",
        "aws-load-balancer-groups 0-securityGroups",
        "aws-log-group 1-retentionInDays",
        "aws-rds 5-skipFinalSnapshot",
        "aws-rds-watched 2 0-parameters.0.value",
        "aws-rds-watched 2 1-parameters.1.value",
        "aws-rds-watched 2 2-parameters.2.value",
        "aws-rds-watched 2 3-parameters.3.value",
        "aws-rds-watched 2 4-parameters",
        "aws-secrets 1-recoveryWindowInDays",
        "k8s-pod-host-namespaces 4-spec.template.spec.securityContext.windowsOptions",
        "k8s-pod-host-namespaces 5-spec.template.spec.containers.0.securityContext.windowsOptions",
        "k8s-pod-limits 2-spec.template.spec.containers.0.resources.requests",
        "k8s-pod-limits 3-spec.template.spec.volumes.0.emptyDir",
        "k8s-pod-non-root 3-spec.template.spec.initContainers",
        "k8s-pod-not-privileged 1-spec.template.spec.containers.0.securityContext.procMount",
        "k8s-pod-seccomp 2-spec.template.spec.containers.0.securityContext.seccompProfile",
        "k8s-pod-token 2-spec.template.spec.enableServiceLinks",
        "k8s-pod-volumes 1-spec.template.spec.volumes.0",
        "k8s-rbac-bindings 0-roleRef.name",
        "k8s-rbac-bindings 1-subjects.0",
        "k8s-rbac-wildcards 3-rules.0.nonResourceURLs",
    }
)
# What checkov finds in a bad form beside the rule's own check: it asks something else, or the same in a weaker form.
BESIDE = frozenset(
    {
        "CKV2_AWS_40",  # full privileges: CKV_AWS_62 and 63 ask for less
        "CKV2_AWS_74",  # strong ciphers: the policy of CKV_AWS_103
        "CKV_AWS_31",  # ElastiCache has a token: ours has users
        "CKV_AWS_38",  # the EKS endpoint is open to all: CKV_AWS_39 asks that it is not open at all
        "CKV_AWS_260",  # port 80 within a range that is open
        "CKV_AWS_287",  # a policy hands out credentials: one of "*"
        "CKV_AWS_290",  # a policy writes without limits: one of "*"
        "CKV_AWS_338",  # logs are kept for a year
        "CKV_K8S_14",  # a tag is fixed
        "CKV_K8S_15",  # images are always pulled: not asked where they are by digest
        "CKV_K8S_28",  # NET_RAW is dropped: CKV_K8S_37 asks for all
        "CKV_K8S_30",  # there is a security context at all
        "CKV_K8S_39",  # SYS_ADMIN is not added: CKV_K8S_25 asks for none
    }
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form of a case's resource. `path`: where a bad one differs; None of the good one; `name`: in the tables,
    the policy's second case by its number.
    """

    case: Case
    name: str
    path: Path | None
    resource: Resource


def forms(policies: frozenset[str]) -> Iterator[Form]:
    """The good form and every bad one of the cases of some policies."""
    before: Counter[str] = Counter()
    for case in CASES:
        if case.policy not in policies:
            continue
        before[case.policy] += 1
        number = before[case.policy]
        yield _form(case, number, "good", None, case.good)
        for index, (path, props) in enumerate(case.spoilt()):
            yield _form(case, number, f"{index}-{'.'.join(map(str, path))}", path, props)


def _form(case: Case, number: int, what: str, path: Path | None, props: Mapping[str, Value]) -> Form:
    urn = f"urn:pulumi:test::test::{case.type}::{case.policy}-{number}-{what}"
    made = Resource(type=case.type, urn=urn, name="subject", props=as_manifest(case.type, props))
    name = f"{case.policy} {what}" if number == 1 else f"{case.policy} {number} {what}"
    return Form(case=case, name=name, path=path, resource=made)


def as_manifest(type_: str, props: Mapping[str, Value]) -> Mapping[str, Value]:
    """The properties with what the plugin adds to those of a Kubernetes object: version, kind and a name."""
    made = copy.deepcopy(dict(props))
    if type_.startswith("kubernetes:"):
        _, version, kind = type_.split(":")
        metadata = made.get("metadata", {})
        assert isinstance(metadata, dict)
        made |= {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": {"name": "subject"} | metadata}
    return made
