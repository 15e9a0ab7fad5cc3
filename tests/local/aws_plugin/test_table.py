"""The table against the SDK's types and botocore's service models: a wrong name in a row is found here."""

from __future__ import annotations

import pytest

from local.aws_plugin.account import Account
from local.aws_plugin.calls import named_in
from local.aws_plugin.schema import schema_of
from local.aws_plugin.settings import Settings
from local.aws_plugin.table import Call, Type, tokens, type_of

ACCOUNT = Account(Settings(region="eu-west-1", access_key="a", secret_key="b"))
_WORDS = {"id", "arn", "region", "account", "partition", "token", "all", "keys", "logical", "lockToken", "preserve"}


def calls(row: Type) -> list[Call]:
    found = [row.create, row.read, row.update, row.delete, row.release, row.find]
    for part in row.parts:
        found += [part.set, part.unset, part.otherwise, part.get]
    if row.tagging is not None:
        found += [row.tagging.add, row.tagging.remove, row.tagging.read]
    return [call for call in found if call is not None]


@pytest.mark.parametrize("token", list(tokens()))
def test_a_row_names_only_what_there_is(token: str) -> None:
    row, schema = type_of(token), schema_of(token)
    known = {*schema.inputs, *schema.outputs}
    for call in calls(row):
        operation, template = next(iter(call.items()))
        shape = ACCOUNT.model(row.api, operation).input_shape
        members = shape.members if shape is not None else {}
        strange = [key for key in template or {} if key not in members and key != "$if"]
        assert strange == [], operation
        assert {name for name in named_in(call) if name[0] != "_"} <= known | _WORDS, operation
    named = [
        *row.replace,
        *row.local,
        *row.carried,
        *row.defaults,
        *row.empty,
        *(n for p in row.parts for n in p.props),
    ]
    assert {name.partition(".")[0] for name in named} <= known


@pytest.mark.parametrize("token", list(tokens()))
def test_what_is_being_made_can_be_found_again(token: str) -> None:
    """By its own name, by a row's `find`, or by the tag that goes with its creation."""
    row = type_of(token)
    tagged = row.tagging is not None and row.tagging.on_create
    assert "$" in row.id or row.find is not None or tagged or "token" in named_in(row.create)
