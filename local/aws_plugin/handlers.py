"""The types whose life a row of calls cannot describe whole."""

from __future__ import annotations

from collections.abc import Mapping

from local.aws_plugin.account import Account
from local.aws_plugin.journal import Journal
from local.aws_plugin.resource import Resource, type_name
from local.aws_plugin.table import type_of
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object


class SecurityGroup(Resource):
    """A new group lets everything out: that is taken away, as only what the program says shall be open."""

    def _finish(self, identifier: str, given: Object) -> None:
        super()._finish(identifier, given)
        close(self, identifier, ("Egress",))


class DefaultSecurityGroup(Resource):
    """The group that a network is born with: found, and closed both ways."""

    def _finish(self, identifier: str, given: Object) -> None:
        super()._finish(identifier, given)
        close(self, identifier, ("Ingress", "Egress"))


def close(resource: Resource, identifier: str, directions: tuple[str, ...]) -> None:
    """Revoke every rule of a group."""
    account = resource.account
    groups = account.call("ec2", "DescribeSecurityGroups", {"GroupIds": [identifier]})["SecurityGroups"]
    for direction in directions:
        rules = groups[0]["IpPermissionsEgress" if direction == "Egress" else "IpPermissions"]
        if rules:
            account.call("ec2", f"RevokeSecurityGroup{direction}", {"GroupId": identifier, "IpPermissions": rules})


class IamPolicy(Resource):
    """Its versions, five at most, go before it."""

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it with all its versions."""
        drop_versions(self.account, identifier)
        super().delete(identifier, properties)


def drop_versions(account: Account, arn: str) -> None:
    """All versions of a policy but the one in force."""
    try:
        versions = account.call("iam", "ListPolicyVersions", {"PolicyArn": arn})["Versions"]
    except PluginError:
        return
    for version in versions:
        if not version["IsDefaultVersion"]:
            account.call("iam", "DeletePolicyVersion", {"PolicyArn": arn, "VersionId": version["VersionId"]})


_HANDLERS: Mapping[str, type[Resource]] = {
    "": Resource,
    "security_group": SecurityGroup,
    "default_security_group": DefaultSecurityGroup,
    "iam_policy": IamPolicy,
    "metric_alarm": Resource,
}


def resource_of(urn: str, account: Account, journal: Journal | None = None, timeout: float = 0.0) -> Resource:
    """What a URN stands for. Raises `PluginError` for a type that is not in the table."""
    handler = _HANDLERS[type_of(type_name(urn)).handler]
    return handler(urn, account, journal or Journal(None), timeout)
