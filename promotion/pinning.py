"""Puts signed bills into the settings of an environment that no promotion reaches: one that pulumi applies itself."""

from __future__ import annotations

import json
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_atomically
from stacks.bills_settings import BillsSettings

_KEY = "  groundwork:bills: "


def pin_bills(file: Path, proof: BillsSettings) -> None:
    """One line at the end of a stack's settings, or in the place of the one that is there; all others stay as they are.

    Raises UserError where the bills stand there in another form.
    """
    lines = file.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(_KEY)]
    if any("groundwork:bills" in line for line in kept):
        raise UserError(
            what="groundwork:bills is not the one line that is written here", where=str(file), fix="take it out"
        )
    # JSON is YAML too, and has no line of its own for each of a signature's parts.
    text = json.dumps(proof.model_dump(mode="json", by_alias=True), sort_keys=True)
    write_atomically(file, "\n".join([*kept, f"{_KEY}{text}"]) + "\n")
