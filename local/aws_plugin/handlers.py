"""The types whose life a row of calls cannot describe whole."""

from __future__ import annotations

from collections.abc import Mapping

from local.aws_plugin.account import Account
from local.aws_plugin.clusters import Addon
from local.aws_plugin.code import Function
from local.aws_plugin.edge import Balancer, Certificate, ListenerRule, Record, WebAcl, Zone
from local.aws_plugin.journal import Journal
from local.aws_plugin.metering import Budget, MetricAlarm
from local.aws_plugin.resource import Resource, type_name
from local.aws_plugin.storing import Bucket, IamPolicy, Namespace, ParameterGroup, ReplicationGroup
from local.aws_plugin.table import type_of
from local.plugin.values import Object


class _Closed(Resource):
    """A group whose rules, if there are any, are resources of their own."""

    def refuse(self, inputs: Object) -> list[tuple[str, str]]:
        """Rules inside of a group and beside it would undo each other."""
        return [
            (
                key,
                f"the plugin takes no rules inside of {self.token}: use aws:vpc/securityGroup…Rule",
            )
            for key in ("ingress", "egress")
            if inputs.get(key)
        ]


class SecurityGroup(_Closed):
    """A new group lets everything out: that is taken away, as only what the program says shall be open."""

    def _finish(self, identifier: str, given: Object) -> None:
        super()._finish(identifier, given)
        close(self, identifier, ("Egress",))


class DefaultSecurityGroup(_Closed):
    """The group that a network is born with: found, and closed both ways."""

    def settle(self, identifier: str, given: Object) -> None:  # noqa: ARG002 - whatever is given, it is closed
        """See `Resource.settle`."""
        close(self, identifier, ("Ingress", "Egress"))


def close(resource: Resource, identifier: str, directions: tuple[str, ...]) -> None:
    """Revoke every rule of a group."""
    account = resource.account
    groups = account.call("ec2", "DescribeSecurityGroups", {"GroupIds": [identifier]})["SecurityGroups"]
    for direction in directions:
        rules = groups[0]["IpPermissionsEgress" if direction == "Egress" else "IpPermissions"]
        if rules:
            account.call("ec2", f"RevokeSecurityGroup{direction}", {"GroupId": identifier, "IpPermissions": rules})


_HANDLERS: Mapping[str, type[Resource]] = {
    "": Resource,
    "security_group": SecurityGroup,
    "default_security_group": DefaultSecurityGroup,
    "addon": Addon,
    "iam_policy": IamPolicy,
    "bucket": Bucket,
    "namespace": Namespace,
    "parameter_group": ParameterGroup,
    "replication_group": ReplicationGroup,
    "metric_alarm": MetricAlarm,
    "budget": Budget,
    "balancer": Balancer,
    "listener_rule": ListenerRule,
    "web_acl": WebAcl,
    "zone": Zone,
    "record": Record,
    "certificate": Certificate,
    "function": Function,
}


def resource_of(urn: str, account: Account, journal: Journal | None = None, timeout: float = 0.0) -> Resource:
    """What a URN stands for. Raises `PluginError` for a type that is not in the table."""
    handler = _HANDLERS[type_of(type_name(urn)).handler]
    return handler(urn, account, journal or Journal(None), timeout)
