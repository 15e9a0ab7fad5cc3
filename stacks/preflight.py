"""What can be checked of an environment with no engine, cluster or image: its settings and its agents' manifests."""

from __future__ import annotations

from pathlib import Path

from local.paths import CHECKOUT
from stacks.environment import read_manifest
from stacks.settings import from_file, settings_file


def check(environment: str, folder: Path = CHECKOUT) -> None:
    """Raise UserError for the first thing that the user must mend, before anything is made."""
    settings = from_file(settings_file(environment, folder))
    for tenant in settings.tenants:
        for agent in tenant.agents:
            read_manifest(agent, folder)
