"""The few functions of the SDK that ask who and where we are."""

from __future__ import annotations

from local.aws_plugin.account import Account
from local.plugin.errors import PluginError
from local.plugin.values import Object


def invoke(function: str, arguments: Object, account: Account) -> Object:
    """Call a function. Raises `PluginError` for one that this plugin does not have, or an argument it does not know."""
    region = str(arguments.get("region") or account.region)
    unknown = sorted(set(arguments) - {"region"})
    if unknown:
        raise PluginError(f"{function}: the plugin does not know the argument {unknown[0]!r}")
    if function == "aws:index/getCallerIdentity:getCallerIdentity":
        found = account.call("sts", "GetCallerIdentity", {})
        return {"accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"], "id": found["Account"]}
    if function == "aws:index/getRegion:getRegion":
        return {"id": region, "name": region, "region": region, "endpoint": f"ec2.{region}.amazonaws.com"}
    if function == "aws:index/getPartition:getPartition":
        return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}
    raise PluginError(
        f"the plugin has no function {function}: give the value to the program, or use the vendor's plugin"
    )
