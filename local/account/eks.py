"""What moto lacks of EKS: access entries and policies, add-ons, pod identities, another version of a cluster."""

from __future__ import annotations

import uuid

from moto.core.responses import BaseResponse

from local.account.supplement import NotOursError, Object, Operation, RefusedError, State, now, public, short


def _cluster(asked: Object, response: BaseResponse) -> str:
    name = str(asked["clusterName"])
    if name not in response.eks_backend.clusters:  # type: ignore[attr-defined]  # moto's own response class
        raise RefusedError("ResourceNotFoundException", f"No cluster found for name: {name}.")
    return name


def _eks_arn(state: State, kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{state.region}:{state.account}:{kind}/{'/'.join(parts)}"


def _create_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    key = (_cluster(asked, response), asked["principalArn"])
    arn = _eks_arn(state, "access-entry", key[0], "role", state.account, key[1].rpartition("/")[2], short())
    item = {
        "type": "STANDARD", "kubernetesGroups": [], "tags": {}, "username": key[1], **asked,
        "accessEntryArn": arn, "createdAt": now(), "modifiedAt": now(), "_arn": arn,
    }  # fmt: skip
    return {"accessEntry": public(state.add("access entry", *key, item=item))}


def _describe_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"accessEntry": public(state.get("access entry", _cluster(asked, response), asked["principalArn"]))}


def _update_access_entry(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("access entry", _cluster(asked, response), asked["principalArn"])
    item.update({key: value for key, value in asked.items() if key in ("kubernetesGroups", "username")})
    return {"accessEntry": public(item)}


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
    item = {"policyArn": asked["policyArn"], "accessScope": asked["accessScope"], "associatedAt": now()}
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
    arn = _eks_arn(state, "addon", *key, short())
    kept = {name: value for name, value in asked.items() if name != "resolveConflicts"}
    if key in state.table("addon"):
        raise RefusedError("ResourceInUseException", f"Addon already exists: {key[1]}")
    item = {
        "tags": {},
        **kept,
        "podIdentityAssociations": _addon_associations(state, asked, response),
        "addonArn": arn,
        "status": "ACTIVE",
        "createdAt": now(),
        "modifiedAt": now(),
        "_arn": arn,
    }
    return {"addon": public(state.add("addon", *key, item=item))}


def _addon_associations(state: State, asked: Object, response: BaseResponse) -> list[str]:
    """The names of the associations that EKS makes, in kube-system, of the roles that an add-on is given."""
    made = []
    for row in asked.get("podIdentityAssociations") or []:
        given = {"clusterName": _cluster(asked, response), "namespace": "kube-system", **row}
        made.append(_create_pod_identity_association(state, given, response)["association"]["associationArn"])
    return made


def _drop_addon_associations(state: State, item: Object) -> None:
    for arn in item["podIdentityAssociations"]:
        kept = state.tagged(arn)
        if kept is not None:  # somebody may have taken it away
            state.drop("pod identity", kept["clusterName"], kept["associationId"])


def _describe_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"addon": public(state.get("addon", _cluster(asked, response), asked["addonName"]))}


def _update_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("addon", _cluster(asked, response), asked["addonName"])
    changed = ("addonVersion", "serviceAccountRoleArn", "configurationValues")
    item.update({key: value for key, value in asked.items() if key in changed})
    if "podIdentityAssociations" in asked:
        _drop_addon_associations(state, item)
        item["podIdentityAssociations"] = _addon_associations(state, asked, response)
    return {"update": _done("AddonUpdate")}


def _delete_addon(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.drop("addon", _cluster(asked, response), asked["addonName"])
    _drop_addon_associations(state, item)
    return {"addon": public(item)}


def _done(kind: str) -> Object:
    return {"id": str(uuid.uuid4()), "status": "Successful", "type": kind, "createdAt": now()}


def _create_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    cluster = _cluster(asked, response)
    for item in state.table("pod identity").values():
        if all(item[key] == asked[key] for key in ("clusterName", "namespace", "serviceAccount")):
            raise RefusedError("ResourceInUseException", "Association already exists")
    name = f"a-{short()}"
    arn = _eks_arn(state, "podidentityassociation", cluster, name)
    item = {
        "tags": {}, **asked, "associationId": name, "associationArn": arn,
        "createdAt": now(), "modifiedAt": now(), "_arn": arn,
    }  # fmt: skip
    return {"association": public(state.add("pod identity", cluster, name, item=item))}


def _describe_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"association": public(state.get("pod identity", _cluster(asked, response), asked["associationId"]))}


def _list_pod_identity_associations(state: State, asked: Object, response: BaseResponse) -> Object:
    _cluster(asked, response)
    wanted = {key: value for key, value in asked.items() if key in ("clusterName", "namespace", "serviceAccount")}
    rows = [item for item in state.table("pod identity").values() if wanted.items() <= item.items()]
    return {"associations": [public(item) for item in rows]}


def _update_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    item = state.get("pod identity", _cluster(asked, response), asked["associationId"])
    item.update({key: value for key, value in asked.items() if key in ("roleArn", "targetRoleArn")})
    return {"association": public(item)}


def _delete_pod_identity_association(state: State, asked: Object, response: BaseResponse) -> Object:
    return {"association": public(state.drop("pod identity", _cluster(asked, response), asked["associationId"]))}


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
            name = f"eks-cluster-sg-{cluster.name}-{short()[:8]}"
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
