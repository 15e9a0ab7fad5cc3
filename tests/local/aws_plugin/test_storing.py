"""Resources that are no plain row of the table."""

from __future__ import annotations

from pathlib import Path

from local.aws_plugin.account import Account
from local.aws_plugin.handlers import resource_of
from local.aws_plugin.journal import Journal
from local.aws_plugin.settings import Settings


def test_a_namespace_that_a_killed_run_had_made_is_known_by_its_id_with_no_operation_to_ask(tmp_path: Path) -> None:
    nowhere = Account(Settings.of({"region": "eu-west-1"}))
    urn = "urn:pulumi:ecs::groundwork::aws:servicediscovery/httpNamespace:HttpNamespace::services"
    assert resource_of(urn, nowhere, Journal(tmp_path)).identify({"Id": "ns-1"}, {}) == "ns-1"
