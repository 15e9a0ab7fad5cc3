"""What moto lacks of ElastiCache: parameter groups and user groups."""

from __future__ import annotations

from moto.core.responses import BaseResponse

from local.account.supplement import NotOursError, Object, Operation, RefusedError, State, public


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
    return {key: value for key, value in public(item).items() if key != "tags"}


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
