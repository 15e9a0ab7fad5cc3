"""Brings the kernel's table to the planned one."""

from __future__ import annotations

import logging
import subprocess
from typing import Protocol

from local.node_agent.table import FAMILY, NAME, Table, change, removal, replacement

log = logging.getLogger(__name__)


class NftError(Exception):
    """nft refused a script."""


class Enforcer(Protocol):
    """Takes tables and puts them into force."""

    def apply(self, table: Table) -> None:
        """Have this table in force."""

    def check(self) -> None:
        """Notice what others did to it."""


class Kernel:
    """The kernel's table: replaced whole at first, changed by differences from then on."""

    def __init__(self) -> None:
        self._current: Table | None = None

    def apply(self, table: Table) -> None:
        """NftError when the kernel takes neither the difference nor the whole; what was in force stays."""
        script = replacement(table) if self._current is None else change(self._current, table)
        if not script:
            return
        try:
            _nft(script)
        except NftError:
            if self._current is None:
                raise
            log.warning("the table is not as it was left, and is written anew")
            _nft(replacement(table))
        self._current = table

    def check(self) -> None:
        """Where somebody removed the table (`nft flush ruleset`), the next `apply` writes it anew."""
        asked = subprocess.run(["nft", "-t", "list", "table", FAMILY, NAME], capture_output=True, check=False)
        if asked.returncode != 0 and self._current is not None:
            log.warning("the table is gone, and is written anew")
            self._current = None


class Nothing:
    """For a node whose containers do not run."""

    def apply(self, table: Table) -> None:
        """Nothing is in force."""

    def check(self) -> None:
        """Nothing to notice."""


def remove() -> None:
    """Take the table away. NftError when the kernel refuses."""
    _nft(removal())


def _nft(script: str) -> None:
    done = subprocess.run(["nft", "-f", "-"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NftError(done.stderr.strip()[:2000])
