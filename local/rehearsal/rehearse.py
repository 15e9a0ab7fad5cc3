"""`groundwork rehearse`: an environment applied whole here, looked at, changed by hand, and taken away again."""

from __future__ import annotations

from collections.abc import Mapping

from local.aws_plugin.recovery import Finder
from local.engine.recovery import Find, PendingCreate


def finder(found: Finder) -> Find:
    """What tells of a resource in the account that a killed run had made."""

    def find(create: PendingCreate, deployment: Mapping[str, object]) -> str | None:
        if not str(create.resource["type"]).startswith("aws:"):
            return None
        rows = deployment.get("resources")
        resources = rows if isinstance(rows, list) else []
        owner = str(create.resource.get("provider", "")).rpartition("::")[0]
        provider = next((row for row in resources if row["urn"] == owner), {})
        return found.find(create.urn, create.inputs, provider.get("inputs") or {})

    return find
