"""Types that store things: buckets, parameter groups, Redis; and policies, whose versions go before them."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.waiting import wait_until
from local.aws_plugin.account import CallError
from local.aws_plugin.ending import PATIENCE
from local.aws_plugin.resource import Resource
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object


class IamPolicy(Resource):
    """Its versions, five at most, go before it."""

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it with all its versions."""
        try:
            versions = self.account.call("iam", "ListPolicyVersions", {"PolicyArn": identifier})["Versions"]
        except CallError as error:
            if error.error not in self.row.missing:
                raise
            versions = []
        for version in versions:
            if not version["IsDefaultVersion"]:
                named = {"PolicyArn": identifier, "VersionId": version["VersionId"]}
                self.account.call("iam", "DeletePolicyVersion", named)
        super().delete(identifier, properties)


class Bucket(Resource):
    """Says where it stands, but in the one region where saying so is an error."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        region = str(properties.get("region") or self.account.region)
        return properties if region == "us-east-1" else {**properties, "_location": region}

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it, with all that is in it where `forceDestroy` says so."""
        if properties.get("forceDestroy"):
            self._empty(identifier)
        super().delete(identifier, properties)

    def _empty(self, bucket: str) -> None:
        try:
            found = self.account.call("s3", "ListObjectVersions", {"Bucket": bucket})
        except CallError as error:
            if error.error in self.row.missing:
                return
            raise
        keys = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
        ]
        for start in range(0, len(keys), 1000):
            wanted = {"Bucket": bucket, "Delete": {"Objects": keys[start : start + 1000]}}
            self.account.call("s3", "DeleteObjects", wanted)


class Namespace(Resource):
    """Made by an operation, which tells its id when it has ended."""

    def identify(self, answer: Object, properties: Object) -> str:  # noqa: ARG002 - the answer is all that is needed
        """See `Resource.identify`. One that a killed run had made is found by its name, with no operation to ask."""
        if isinstance(known := answer.get("Id"), str):
            return known
        found: list[str] = []

        def is_made() -> bool:
            operation = self.account.call("servicediscovery", "GetOperation", {"OperationId": answer["OperationId"]})
            if operation["Operation"]["Status"] == "FAIL":
                raise PluginError(f"{self.token}: {operation['Operation'].get('ErrorMessage')}")
            found.extend(operation["Operation"].get("Targets", {}).values())
            return bool(found)

        if not wait_until(is_made, self.timeout or PATIENCE):
            raise PluginError(f"{self.token}: the operation that makes it has not ended")
        return found[0]


class ParameterGroup(Resource):
    """Each parameter says when it is applied: at once, where the program does not."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        rows = properties.get("parameters")
        if not isinstance(rows, list):
            return properties
        return {**properties, "parameters": [{"applyMethod": "immediate", **row} for row in rows]}


class ReplicationGroup(Resource):
    """Where its logs go is a block of its own for each kind of place."""

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        rows = properties.get("logDeliveryConfigurations")
        if not isinstance(rows, list):
            return properties
        return {**properties, "logDeliveryConfigurations": [_log(row) for row in rows]}


def _log(row: Object) -> Object:
    if "destination" not in row:
        return row
    kind = row.get("destinationType")
    place = (
        {"CloudWatchLogsDetails": {"LogGroup": row["destination"]}}
        if kind == "cloudwatch-logs"
        else {"KinesisFirehoseDetails": {"DeliveryStream": row["destination"]}}
    )
    rest = {key: value for key, value in row.items() if key != "destination"}
    return {**rest, "DestinationDetails": place}
