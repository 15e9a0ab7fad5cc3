"""Which resource a killed run had made: by what the journal says, by the token in its tags, or by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.aws_plugin.account import Account, CallError
from local.aws_plugin.handlers import resource_of
from local.aws_plugin.journal import TOKEN_TAG, Entry, Journal
from local.aws_plugin.resource import Resource
from local.aws_plugin.settings import Settings
from local.plugin.errors import PluginError
from local.plugin.values import SIGNATURE, Json, Object


@dataclass(frozen=True)
class Finder:
    """Looks for what was being made. `journal`: the one that the plugin kept."""

    journal: Journal

    def find(self, urn: str, inputs: Mapping[str, object], provider: Mapping[str, object]) -> str | None:
        """The id of the resource; None where it was not made. `provider`: the inputs of its provider."""
        entry = self.journal.find(urn)
        if entry is None:
            return None
        account = Account(
            Settings.of({key: value for key, value in provider.items() if key in ("region", "endpoints")})
        )
        resource = resource_of(urn, account, self.journal)
        known = _open(dict(inputs))
        for identifier in (
            entry.identifier,
            self._by_token(resource, entry, known),
            self._by_name(resource, entry, known),
        ):
            if identifier and self._is_there(resource, identifier, known):
                return identifier
        return None

    @staticmethod
    def _is_there(resource: Resource, identifier: str, known: Object) -> bool:
        try:
            return resource.live(identifier, known) is not None
        except PluginError:
            return False

    @staticmethod
    def _by_token(resource: Resource, entry: Entry, known: Object) -> str | None:
        """EC2 names everything with a tag; of other APIs it is the tagging API that knows."""
        caller = resource.caller(known)
        if resource.row.tagging is None or not resource.row.tagging.on_create:
            return None
        try:
            if resource.row.api == "ec2":
                wanted = [{"Name": "key", "Values": [TOKEN_TAG]}, {"Name": "value", "Values": [entry.token]}]
                rows = resource.account.call("ec2", "DescribeTags", {"Filters": wanted}, caller.region)["Tags"]
                return str(rows[0]["ResourceId"]) if rows else None
            wanted = [{"Key": TOKEN_TAG, "Values": [entry.token]}]
            found = resource.account.call(
                "resourcegroupstaggingapi", "GetResources", {"TagFilters": wanted}, caller.region
            )
            arns = [row["ResourceARN"] for row in found["ResourceTagMappingList"]]
        except CallError:
            return None
        if not arns:
            return None
        return str(arns[0]) if _is_named_by_arn(resource) else str(arns[0]).rpartition("/")[2]

    @staticmethod
    def _by_name(resource: Resource, entry: Entry, known: Object) -> str | None:
        properties = resource.prepare(known)
        caller = resource.caller(properties, token=entry.token)
        try:
            if "$" in resource.row.id:
                return caller.text(resource.row.id, properties)
            if resource.row.find is None:
                return None
            found = caller.ask(resource.row.find, resource.row.find_at, properties, resource.row.missing)
        except PluginError:
            return None
        return None if found is None else resource.identify(_nested(resource.row.id, found), properties)


def _nested(path: str, value: Json) -> Object:
    """An answer in which `path` (JMESPath, plain members and first elements) leads to `value`."""
    for part in reversed(path.split(".")):
        name, _, index = part.partition("[")
        value = {name: [value] if index else value}
    found: Object = value
    return found


def _is_named_by_arn(resource: Resource) -> bool:
    return resource.row.id.lower().endswith("arn")


def _open(value: Json) -> Json:
    """Inputs as a state has them, secrets left out: nobody is found by one."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return None
        return {key: _open(item) for key, item in value.items() if not (isinstance(item, dict) and SIGNATURE in item)}
    return [_open(item) for item in value] if isinstance(value, list) else value
