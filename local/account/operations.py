"""What moto lacks of the APIs that the environments use, one function a call."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from moto.core.responses import BaseResponse

from local.account.supplement import NotOursError, Object, Operation, RefusedError, State


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _short() -> str:
    return uuid.uuid4().hex[:16]


def _public(item: Object) -> Object:
    return {key: value for key, value in item.items() if not key.startswith("_")}


# ---- EKS: access entries and policies, add-ons, pod identities, another version


def _cluster(asked: Object, response: BaseResponse) -> str:
    name = str(asked["clusterName"])
    if name not in response.eks_backend.clusters:  # type: ignore[attr-defined]  # moto's own response class
        raise RefusedError("ResourceNotFoundException", f"No cluster found for name: {name}.")
    return name


def _eks_arn(state: State, kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{state.region}:{state.account}:{kind}/{'/'.join(parts)}"


def _create_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_cluster(asked, response), asked["principalArn"])
    arn = _eks_arn(state, "access-entry", key[0], "role", state.account, key[1].rpartition("/")[2], _short())
    item = {
        "type": "STANDARD", "kubernetesGroups": [], "tags": {}, "username": key[1], **asked,
        "accessEntryArn": arn, "createdAt": _now(), "modifiedAt": _now(), "_arn": arn,
    }  # fmt: skip
    return {"accessEntry": _public(state.add("access entry", *key, item=item))}


def _describe_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"accessEntry": _public(state.get("access entry", _cluster(asked, response), asked["principalArn"]))}


def _update_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("access entry", _cluster(asked, response), asked["principalArn"])
    item.update({key: value for key, value in asked.items() if key in ("kubernetesGroups", "username")})
    return {"accessEntry": _public(item)}


def _delete_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_cluster(asked, response), asked["principalArn"])
    state.drop("access entry", *key)
    policies = state.table("access policy")
    for found in [found for found in policies if found[:2] == key]:
        del policies[found]
    return {}


def _associate_access_policy(state: State, asked: Object, response: BaseResponse) -> Object:
    cluster, principal = _cluster(asked, response), asked["principalArn"]
    state.get("access entry", cluster, principal)
    item = {"policyArn": asked["policyArn"], "accessScope": asked["accessScope"], "associatedAt": _now()}
    state.table("access policy")[cluster, principal, asked["policyArn"]] = item
    return {"clusterName": cluster, "principalArn": principal, "associatedAccessPolicy": item}


def _list_associated_access_policies(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_cluster(asked, response), asked["principalArn"])
    state.get("access entry", *key)
    rows = [item for found, item in state.table("access policy").items() if found[:2] == key]
    return {"clusterName": key[0], "principalArn": key[1], "associatedAccessPolicies": rows}


def _disassociate_access_policy(state: State, asked: Object, response: BaseResponse) -> Object:
    state.drop("access policy", _cluster(asked, response), asked["principalArn"], asked["policyArn"])
    return {}


def _create_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_cluster(asked, response), asked["addonName"])
    arn = _eks_arn(state, "addon", *key, _short())
    kept = {name: value for name, value in asked.items() if name != "resolveConflicts"}
    item = {
        "tags": {},
        **kept,
        "addonArn": arn,
        "status": "ACTIVE",
        "createdAt": _now(),
        "modifiedAt": _now(),
        "_arn": arn,
    }
    return {"addon": _shown(state, state.add("addon", *key, item=item))}


def _shown(state: State, item: Object) -> Object:
    """An add-on as it is told: its associations by their ARNs."""
    given = item.get("podIdentityAssociations") or []
    arns = [
        _eks_arn(state, "podidentityassociation", item["clusterName"], f"a-{item['addonName']}-{number}")
        for number in range(len(given))
    ]
    return _public(item) | ({"podIdentityAssociations": arns} if arns else {})


def _describe_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"addon": _shown(state, state.get("addon", _cluster(asked, response), asked["addonName"]))}


def _update_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("addon", _cluster(asked, response), asked["addonName"])
    changed = ("addonVersion", "serviceAccountRoleArn", "configurationValues", "podIdentityAssociations")
    item.update({key: value for key, value in asked.items() if key in changed})
    return {"update": _done("AddonUpdate")}


def _delete_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"addon": _shown(state, state.drop("addon", _cluster(asked, response), asked["addonName"]))}


def _done(kind: str) -> Object:
    return {"id": str(uuid.uuid4()), "status": "Successful", "type": kind, "createdAt": _now()}


def _create_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    cluster = _cluster(asked, response)
    for item in state.table("pod identity").values():
        if all(item[key] == asked[key] for key in ("clusterName", "namespace", "serviceAccount")):
            raise RefusedError("ResourceInUseException", "Association already exists")
    name = f"a-{_short()}"
    arn = _eks_arn(state, "podidentityassociation", cluster, name)
    item = {
        "tags": {}, **asked, "associationId": name, "associationArn": arn,
        "createdAt": _now(), "modifiedAt": _now(), "_arn": arn,
    }  # fmt: skip
    return {"association": _public(state.add("pod identity", cluster, name, item=item))}


def _describe_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"association": _public(state.get("pod identity", _cluster(asked, response), asked["associationId"]))}


def _list_pod_identity_associations(state: State, asked: Object, response: BaseResponse) -> Object:
    _cluster(asked, response)
    wanted = {key: value for key, value in asked.items() if key in ("clusterName", "namespace", "serviceAccount")}
    rows = [item for item in state.table("pod identity").values() if wanted.items() <= item.items()]
    return {"associations": [_public(item) for item in rows]}


def _update_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("pod identity", _cluster(asked, response), asked["associationId"])
    item.update({key: value for key, value in asked.items() if key in ("roleArn", "targetRoleArn")})
    return {"association": _public(item)}


def _delete_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"association": _public(state.drop("pod identity", _cluster(asked, response), asked["associationId"]))}


def _update_cluster_version(_state: State, asked: Object, response: BaseResponse) -> Object:
    clusters = response.eks_backend.clusters  # type: ignore[attr-defined]  # moto's own response class
    if asked["name"] not in clusters:
        raise RefusedError("ResourceNotFoundException", f"No cluster found for name: {asked['name']}.")
    clusters[asked["name"]].version = asked["version"]
    return {"update": _done("VersionUpdate")}


def _describe_cluster(state: State, asked: Object, response: BaseResponse) -> Object:
    """With the security group that EKS makes for a cluster, and the network that its subnets are in."""
    from moto.ec2.models import ec2_backends

    cluster = response.eks_backend.clusters.get(asked["name"])  # type: ignore[attr-defined]  # moto's own response class
    if cluster is not None and cluster.resources_vpc_config.get("subnetIds"):
        ec2 = ec2_backends[state.account][state.region]
        network = ec2.get_subnet(cluster.resources_vpc_config["subnetIds"][0]).vpc_id
        groups = state.table("security group")
        if (cluster.name,) not in groups:
            name = f"eks-cluster-sg-{cluster.name}-{_short()[:8]}"
            made = ec2.create_security_group(name, "EKS created security group", network)
            groups[cluster.name,] = {"id": made.id}
        own = {"clusterSecurityGroupId": groups[cluster.name,]["id"], "vpcId": network}
        cluster.resources_vpc_config = {**cluster.resources_vpc_config, **own}
    raise NotOursError


def _delete_cluster(state: State, asked: Object, _response: BaseResponse) -> Object:
    from moto.ec2.models import ec2_backends

    group = state.table("security group").pop((str(asked["name"]),), None)
    if group is not None:
        ec2_backends[state.account][state.region].delete_security_group(group_id=group["id"])
    raise NotOursError


def _tag(state: State, asked: Object, _response: BaseResponse) -> Object:
    item = state.tagged(str(asked["resourceArn"]))
    if item is None:
        raise NotOursError
    item["tags"] = {**item["tags"], **asked["tags"]}
    return {}


def _untag(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.tagged(str(asked["resourceArn"]))
    if item is None:
        raise NotOursError
    keys = response.querystring.get("tagKeys", [])
    item["tags"] = {key: value for key, value in item["tags"].items() if key not in keys}
    return {}


EKS: dict[str, Operation] = {
    "CreateAccessEntry": _create_access_entry,
    "DescribeAccessEntry": _describe_access_entry,
    "UpdateAccessEntry": _update_access_entry,
    "DeleteAccessEntry": _delete_access_entry,
    "AssociateAccessPolicy": _associate_access_policy,
    "ListAssociatedAccessPolicies": _list_associated_access_policies,
    "DisassociateAccessPolicy": _disassociate_access_policy,
    "CreateAddon": _create_addon,
    "DescribeAddon": _describe_addon,
    "UpdateAddon": _update_addon,
    "DeleteAddon": _delete_addon,
    "CreatePodIdentityAssociation": _create_pod_identity_association,
    "DescribePodIdentityAssociation": _describe_pod_identity_association,
    "ListPodIdentityAssociations": _list_pod_identity_associations,
    "UpdatePodIdentityAssociation": _update_pod_identity_association,
    "DeletePodIdentityAssociation": _delete_pod_identity_association,
    "UpdateClusterVersion": _update_cluster_version,
    "DescribeCluster": _describe_cluster,
    "DeleteCluster": _delete_cluster,
    "TagResource": _tag,
    "UntagResource": _untag,
}


# ---- ElastiCache: parameter groups and user groups


def _cache_arn(state: State, kind: str, name: str) -> str:
    return f"arn:aws:elasticache:{state.region}:{state.account}:{kind}:{name}"


def _tags_of(asked: Object) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in asked.get("Tags") or []}


def _create_parameter_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    name = asked["CacheParameterGroupName"]
    item = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": asked["CacheParameterGroupFamily"],
        "Description": asked["Description"],
        "ARN": _cache_arn(state, "parametergroup", name),
        "_arn": _cache_arn(state, "parametergroup", name),
        "_parameters": {},
        "tags": _tags_of(asked),
    }
    state.add("parameter group", name, item=item, exists="CacheParameterGroupAlreadyExists")
    return {"CacheParameterGroup": _without_tags(item)}


def _without_tags(item: Object) -> Object:
    return {key: value for key, value in _public(item).items() if key != "tags"}


def _parameter_group(state: State, asked: Object) -> Object:
    return state.get("parameter group", asked["CacheParameterGroupName"], missing="CacheParameterGroupNotFound")


def _describe_parameter_groups(state: State, asked: Object, _response: BaseResponse) -> Object:
    rows = (
        [_parameter_group(state, asked)]
        if asked.get("CacheParameterGroupName")
        else list(state.table("parameter group").values())
    )
    return {"CacheParameterGroups": [_without_tags(row) for row in rows]}


def _modify_parameter_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    item = _parameter_group(state, asked)
    item["_parameters"].update(
        {row["ParameterName"]: row["ParameterValue"] for row in asked.get("ParameterNameValues") or []}
    )
    return {"CacheParameterGroupName": item["CacheParameterGroupName"]}


def _reset_parameter_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    item = _parameter_group(state, asked)
    for row in asked.get("ParameterNameValues") or []:
        item["_parameters"].pop(row["ParameterName"], None)
    return {"CacheParameterGroupName": item["CacheParameterGroupName"]}


def _describe_parameters(state: State, asked: Object, _response: BaseResponse) -> Object:
    """Those that were set: what a family has by itself is not known here."""
    rows = _parameter_group(state, asked)["_parameters"].items()
    return {"Parameters": [{"ParameterName": key, "ParameterValue": value, "Source": "user"} for key, value in rows]}


def _delete_parameter_group(state: State, asked: Object, _response: BaseResponse) -> None:
    state.drop("parameter group", asked["CacheParameterGroupName"], missing="CacheParameterGroupNotFound")


def _create_user_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    name = asked["UserGroupId"]
    item = {
        "UserGroupId": name,
        "Engine": asked["Engine"],
        "UserIds": asked.get("UserIds", []),
        "Status": "active",
        "ARN": _cache_arn(state, "usergroup", name),
        "_arn": _cache_arn(state, "usergroup", name),
        "tags": _tags_of(asked),
    }
    return _without_tags(state.add("user group", name, item=item, exists="UserGroupAlreadyExists"))


def _describe_user_groups(state: State, asked: Object, _response: BaseResponse) -> Object:
    name = asked.get("UserGroupId")
    rows = [state.get("user group", name, missing="UserGroupNotFound")] if name else state.table("user group").values()
    return {"UserGroups": [_without_tags(row) for row in rows]}


def _modify_user_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    item = state.get("user group", asked["UserGroupId"], missing="UserGroupNotFound")
    kept = [user for user in item["UserIds"] if user not in (asked.get("UserIdsToRemove") or [])]
    item["UserIds"] = [*kept, *(asked.get("UserIdsToAdd") or [])]
    return _without_tags(item)


def _delete_user_group(state: State, asked: Object, _response: BaseResponse) -> Object:
    return _without_tags(state.drop("user group", asked["UserGroupId"], missing="UserGroupNotFound"))


def _modify_user(_state: State, asked: Object, response: BaseResponse) -> Object:
    users = response.elasticache_backend.users  # type: ignore[attr-defined]  # moto's own response class
    if asked["UserId"] not in users:
        raise RefusedError("UserNotFound", "User not found.")
    user = users[asked["UserId"]]
    user.access_string = asked.get("AccessString", user.access_string)
    return {"UserId": user.id, "UserName": user.name, "Status": "active", "AccessString": user.access_string}


def _delete_subnet_group(_state: State, asked: Object, response: BaseResponse) -> None:
    groups = response.elasticache_backend.cache_subnet_groups  # type: ignore[attr-defined]  # moto's own response class
    if asked["CacheSubnetGroupName"] not in groups:
        raise RefusedError("CacheSubnetGroupNotFoundFault", f"{asked['CacheSubnetGroupName']} not found")
    del groups[asked["CacheSubnetGroupName"]]


def _cache_tags(state: State, asked: Object, _response: BaseResponse) -> Object:
    item = state.tagged(asked["ResourceName"])
    if item is None:
        raise NotOursError
    return {"TagList": [{"Key": key, "Value": value} for key, value in item["tags"].items()]}


def _add_cache_tags(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.tagged(asked["ResourceName"])
    if item is None:
        raise NotOursError
    item["tags"].update(_tags_of(asked))
    return _cache_tags(state, asked, response)


def _remove_cache_tags(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.tagged(asked["ResourceName"])
    if item is None:
        raise NotOursError
    for key in asked.get("TagKeys") or []:
        item["tags"].pop(key, None)
    return _cache_tags(state, asked, response)


ELASTICACHE: dict[str, Operation] = {
    "CreateCacheParameterGroup": _create_parameter_group,
    "DescribeCacheParameterGroups": _describe_parameter_groups,
    "ModifyCacheParameterGroup": _modify_parameter_group,
    "ResetCacheParameterGroup": _reset_parameter_group,
    "DescribeCacheParameters": _describe_parameters,
    "DeleteCacheParameterGroup": _delete_parameter_group,
    "CreateUserGroup": _create_user_group,
    "DescribeUserGroups": _describe_user_groups,
    "ModifyUserGroup": _modify_user_group,
    "DeleteUserGroup": _delete_user_group,
    "ModifyUser": _modify_user,
    "DeleteCacheSubnetGroup": _delete_subnet_group,
    "ListTagsForResource": _cache_tags,
    "AddTagsToResource": _add_cache_tags,
    "RemoveTagsFromResource": _remove_cache_tags,
}


# ---- AWS Backup: what a plan backs up


def _create_selection(state: State, asked: Object, _response: BaseResponse) -> Object:
    name = str(uuid.uuid4())
    item = {
        "BackupPlanId": asked["BackupPlanId"],
        "SelectionId": name,
        "CreationDate": _now(),
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
    return {"BackupPlanId": plan.backup_plan_id, "BackupPlanArn": plan.backup_plan_arn, "VersionId": _short()}


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
        "CreatedDate": _now(),
        "LastModifiedDate": _now(),
    }
    state.add("signing key", *key, item=item, exists="KeySigningKeyAlreadyExists")
    return {"ChangeInfo": _change(), "KeySigningKey": item, "Location": "/2013-04-01/keysigningkey"}


def _change() -> Object:
    return {"Id": f"/change/C{_short().upper()}", "Status": "INSYNC", "SubmittedAt": _now()}


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
