"""What moto lacks of the APIs that the environments use few calls of, one function a call."""

from __future__ import annotations

import uuid
from typing import Any

from moto.core.responses import BaseResponse

from local.account.supplement import NotOursError, Object, Operation, RefusedError, State, now, short

# ---- AWS Backup: what a plan backs up


def _create_selection(state: State, asked: Object, _response: BaseResponse) -> Object:
    name = str(uuid.uuid4())
    item = {
        "BackupPlanId": asked["BackupPlanId"],
        "SelectionId": name,
        "CreationDate": now(),
        "BackupSelection": asked["BackupSelection"],
    }
    state.add("selection", asked["BackupPlanId"], name, item=item)
    return {key: item[key] for key in ("SelectionId", "BackupPlanId", "CreationDate")}


def _get_selection(state: State, asked: Object, _response: BaseResponse) -> Object:
    return state.get("selection", asked["BackupPlanId"], asked["SelectionId"])


def _list_selections(state: State, asked: Object, _response: BaseResponse) -> Object:
    rows = [item for key, item in state.table("selection").items() if key[0] == asked["BackupPlanId"]]
    return {
        "BackupSelectionsList": [
            {"SelectionId": row["SelectionId"], "SelectionName": row["BackupSelection"].get("SelectionName")}
            for row in rows
        ]
    }


def _delete_selection(state: State, asked: Object, _response: BaseResponse) -> None:
    state.drop("selection", asked["BackupPlanId"], asked["SelectionId"])


def _update_plan(_state: State, asked: Object, response: BaseResponse) -> Object:
    plans: Any = response.backup_backend.plans  # type: ignore[attr-defined]  # moto's own response class
    if asked["BackupPlanId"] not in plans:
        raise RefusedError("ResourceNotFoundException", "Cannot find Backup plan")
    plan = plans[asked["BackupPlanId"]]
    plan.backup_plan = asked["BackupPlan"]
    return {"BackupPlanId": plan.backup_plan_id, "BackupPlanArn": plan.backup_plan_arn, "VersionId": short()}


BACKUP: dict[str, Operation] = {
    "CreateBackupSelection": _create_selection,
    "GetBackupSelection": _get_selection,
    "ListBackupSelections": _list_selections,
    "DeleteBackupSelection": _delete_selection,
    "UpdateBackupPlan": _update_plan,
}


# ---- Route 53: signing. The records are made up in form only: nothing is signed with them.


def _zone(asked: Object, response: BaseResponse) -> str:
    name = str(asked["HostedZoneId"]).rpartition("/")[2]
    response.backend.get_hosted_zone(name)  # type: ignore[attr-defined]  # raises the API's own error
    return name


def _create_signing_key(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_zone(asked, response), asked["Name"])
    item = {
        "Name": asked["Name"],
        "KmsArn": asked["KeyManagementServiceArn"],
        "Flag": 257,
        "SigningAlgorithmMnemonic": "ECDSAP256SHA256",
        "SigningAlgorithmType": 13,
        "DigestAlgorithmMnemonic": "SHA-256",
        "DigestAlgorithmType": 2,
        "KeyTag": 0,
        "DigestValue": "EMULATED",
        "PublicKey": "EMULATED",
        "DSRecord": "0 13 2 EMULATED",
        "DNSKEYRecord": "257 3 13 EMULATED",
        "Status": asked["Status"],
        "CreatedDate": now(),
        "LastModifiedDate": now(),
    }
    state.add("signing key", *key, item=item, exists="KeySigningKeyAlreadyExists")
    return {"ChangeInfo": _change(), "KeySigningKey": item, "Location": "/2013-04-01/keysigningkey"}


def _change() -> Object:
    return {"Id": f"/change/C{short().upper()}", "Status": "INSYNC", "SubmittedAt": now()}


def _deactivate_signing_key(state: State, asked: Object, response: BaseResponse) -> Object:
    state.get("signing key", _zone(asked, response), asked["Name"], missing="NoSuchKeySigningKey")["Status"] = (
        "INACTIVE"
    )
    return {"ChangeInfo": _change()}


def _delete_signing_key(state: State, asked: Object, response: BaseResponse) -> Object:
    state.drop("signing key", _zone(asked, response), asked["Name"], missing="NoSuchKeySigningKey")
    return {"ChangeInfo": _change()}


def _enable_dnssec(state: State, asked: Object, response: BaseResponse) -> Object:
    zone = _zone(asked, response)
    if not any(key[0] == zone for key in state.table("signing key")):
        raise RefusedError("KeySigningKeyWithActiveStatusNotFound", "there is no active key-signing key")
    state.table("signed")[zone,] = {}
    return {"ChangeInfo": _change()}


def _disable_dnssec(state: State, asked: Object, response: BaseResponse) -> Object:
    state.table("signed").pop((_zone(asked, response),), None)
    return {"ChangeInfo": _change()}


def _get_dnssec(state: State, asked: Object, response: BaseResponse) -> Object:
    zone = _zone(asked, response)
    keys = [item for key, item in state.table("signing key").items() if key[0] == zone]
    signed = (zone,) in state.table("signed")
    return {"Status": {"ServeSignature": "SIGNING" if signed else "NOT_SIGNING"}, "KeySigningKeys": keys}


ROUTE53: dict[str, Operation] = {
    "CreateKeySigningKey": _create_signing_key,
    "DeactivateKeySigningKey": _deactivate_signing_key,
    "DeleteKeySigningKey": _delete_signing_key,
    "EnableHostedZoneDNSSEC": _enable_dnssec,
    "DisableHostedZoneDNSSEC": _disable_dnssec,
    "GetDNSSEC": _get_dnssec,
}


# ---- single calls


def _update_budget(_state: State, asked: Object, response: BaseResponse) -> Object:
    budgets = response.backend.budgets[asked["AccountId"]]  # type: ignore[attr-defined]  # moto's own response class
    name = asked["NewBudget"]["BudgetName"]
    if name not in budgets:
        raise RefusedError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
    budgets[name].budget.update(asked["NewBudget"])
    return {}


def _associate_key(_state: State, asked: Object, response: BaseResponse) -> Object:
    groups = response.logs_backend.groups  # type: ignore[attr-defined]  # moto's own response class
    if asked["logGroupName"] not in groups:
        raise RefusedError("ResourceNotFoundException", "The specified log group does not exist.")
    groups[asked["logGroupName"]].kms_key_id = asked.get("kmsKeyId")
    return {}


def _rotate_secret(_state: State, asked: Object, response: BaseResponse) -> Object:
    """Notes when and by what the secret is rotated. The function is not called: nothing runs in an emulated account."""
    backend: Any = response.backend  # type: ignore[attr-defined]  # moto's own response class
    if not backend._is_valid_identifier(asked["SecretId"]):
        raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    secret = backend.secrets[asked["SecretId"]]
    secret.rotation_enabled = secret.rotation_requested = True
    secret.rotation_lambda_arn = asked.get("RotationLambdaARN", "")
    secret.rotation_rules = asked.get("RotationRules") or {}
    secret.auto_rotate_after_days = secret.rotation_rules.get("AutomaticallyAfterDays", 0)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": asked.get("ClientRequestToken", "")}


# ---- EC2 Auto Scaling: the groups that node groups of EKS stand for


def _is_of_node_group(name: str, response: BaseResponse) -> bool:
    from moto.eks.models import eks_backends

    clusters = eks_backends[response.current_account][response.region].clusters.values()
    groups = (group for cluster in clusters for group in cluster.nodegroups.values())
    return any(row["name"] == name for group in groups for row in group.resources["autoScalingGroups"])  # type: ignore[index] # moto's rows are dicts


def _attach_targets(state: State, asked: Object, response: BaseResponse) -> Object:
    if not _is_of_node_group(asked["AutoScalingGroupName"], response):
        raise NotOursError
    for arn in asked["TargetGroupARNs"]:
        state.table("targets")[asked["AutoScalingGroupName"], arn] = {}
    return {}


def _describe_targets(state: State, asked: Object, response: BaseResponse) -> Object:
    if not _is_of_node_group(asked["AutoScalingGroupName"], response):
        raise NotOursError
    arns = [key[1] for key in state.table("targets") if key[0] == asked["AutoScalingGroupName"]]
    return {"LoadBalancerTargetGroups": [{"LoadBalancerTargetGroupARN": arn, "State": "Added"} for arn in arns]}


def _detach_targets(state: State, asked: Object, response: BaseResponse) -> Object:
    if not _is_of_node_group(asked["AutoScalingGroupName"], response):
        raise NotOursError
    for arn in asked["TargetGroupARNs"]:
        state.table("targets").pop((asked["AutoScalingGroupName"], arn), None)
    return {}


AUTOSCALING: dict[str, Operation] = {
    "AttachLoadBalancerTargetGroups": _attach_targets,
    "DescribeLoadBalancerTargetGroups": _describe_targets,
    "DetachLoadBalancerTargetGroups": _detach_targets,
}


def _cancel_rotation(_state: State, asked: Object, response: BaseResponse) -> Object:
    """A secret that its owner rotates (RDS) has no function, and moto asks for one."""
    backend: Any = response.backend  # type: ignore[attr-defined]  # moto's own response class
    if not backend._is_valid_identifier(asked["SecretId"]):
        raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    secret = backend.secrets[asked["SecretId"]]
    secret.rotation_enabled = secret.rotation_requested = False
    return {"ARN": secret.arn, "Name": secret.name}


LOGS: dict[str, Operation] = {"AssociateKmsKey": _associate_key, "DisassociateKmsKey": _associate_key}
BUDGETS: dict[str, Operation] = {"UpdateBudget": _update_budget}
SECRETS: dict[str, Operation] = {"RotateSecret": _rotate_secret, "CancelRotateSecret": _cancel_rotation}


# ---- Elastic Load Balancing: rules that ask for a token


def admit_tokens() -> None:
    """Have moto take actions of the kind `jwt-validation`, which it keeps and gives back as it does others."""
    from moto.elbv2.models import ELBv2Backend, FakeAction

    known = ELBv2Backend._validate_actions

    def validate(self: ELBv2Backend, actions: list[FakeAction]) -> None:
        known(self, [action for action in actions if action.type != "jwt-validation"])

    ELBv2Backend._validate_actions = validate  # type: ignore[method-assign]  # that is the purpose
