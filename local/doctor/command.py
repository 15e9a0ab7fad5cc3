"""The `doctor` verb."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from local.doctor import Capability, State, capability
from local.record import Way

_MARKS = {
    State.OK: "[green]ok[/green]     ",
    State.WARN: "[yellow]warn[/yellow]   ",
    State.MISSING: "[red]missing[/red]",
}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List every need of this machine, what was seen, and what to do about each.

    Exit code 0: a real node can run here. 99: it cannot, but another way can. 1: no way can.

    Examples:
      groundwork doctor
      groundwork doctor --json | jq '.needs[] | select(.state != "ok")'
    """
    seen = capability()
    if json_:
        print(json.dumps(as_json(seen), indent=2))
    else:
        show(seen)
    raise typer.Exit(seen.code)


def as_json(seen: Capability) -> dict[str, object]:
    """The same as data; keys do not change."""
    return {
        "way": seen.way,
        "why": seen.why(),
        "code": int(seen.code),
        "ways": [
            {"way": way, "meaning": way.meaning, "blockers": [need.name for need in seen.blockers(way)]} for way in Way
        ],
        "needs": [
            {
                "group": need.group,
                "name": need.name,
                "state": need.state,
                "seen": need.seen,
                "fix": need.fix,
                "ways": sorted(need.ways),
                "lasting": need.lasting,
            }
            for need in seen.needs
        ],
    }


def show(seen: Capability) -> None:
    """Lines for people, by group; a fix stands under what it mends."""
    from rich.console import Console
    from rich.markup import escape

    out = Console(highlight=False, soft_wrap=True)
    group = ""
    for need in seen.needs:
        if need.group != group:
            group = need.group
            out.print(f"[bold]{group}[/bold]")
        out.print(f"  {_MARKS[need.state]} {escape(need.name)}: {escape(need.seen)}")
        if need.fix is not None:
            out.print(f"          [dim]→ {escape(need.fix)}[/dim]")
    out.print("[bold]ways to have a cluster[/bold]")
    for way in Way:
        rows = seen.blockers(way)
        mark = _MARKS[State.MISSING if rows else State.OK]
        reason = f" – not now: {', '.join(need.name for need in rows)}" if rows else ""
        chosen = " ← `up` takes this one" if way is seen.way else ""
        out.print(f"  {mark} {way.value}: {way.meaning}{escape(reason)}{chosen}")
