"""The command line's `groundwork demo`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import print_columns, progress
from promotion.desk import Json

if TYPE_CHECKING:
    from groundwork.console import Progress
    from groundwork.verdict import Verdict
    from local.paths import Paths
    from promotion.demo.chapters import Chapter
    from promotion.demo.scene import Here
    from promotion.demo.story import Step


def demo(
    only: Annotated[
        list[str] | None,
        typer.Option(help="One chapter: change, own, image, slow, fragile or failing. Can be said again."),
    ] = None,
    keep: Annotated[bool, typer.Option(help="Leave the three environments, the log and the evidence.")] = False,
    remove: Annotated[bool, typer.Option(help="Only remove what an earlier demo has left or kept.")] = False,
    json_: Json = False,
) -> None:
    """Take changes of an agent through dev, staging and prod, and see what each gate stops.

    Three environments as tenants of the environment `local`, which must be up. Signed bills, policies, load, a killed
    pod, a shift and a roll-back are real; whatever a gate does not stop fails the demo. Exit codes: 0 all went as told,
    99 something did not, 98 something could not be told.

    Examples:
      groundwork demo
      groundwork demo --only image --only slow
      groundwork demo --remove
    """
    from local.paths import Paths
    from promotion.demo.chapters import chosen
    from promotion.demo.scene import require_node, strike, turn

    paths, shown = Paths.for_user(), progress()
    if remove:
        with turn(paths):
            print("removed" if strike(paths, shown) else "there was nothing to remove")
        return
    chapters = chosen(only or [])
    require_node(paths)
    began = time.monotonic()
    with turn(paths), _scene(chapters, paths, shown, keep=keep) as scene:
        steps = _told(chapters, scene, shown)
    verdict = _verdict(steps)
    if json_:
        seconds = round(time.monotonic() - began, 1)
        rows = [{"seconds": round(step.seconds, 1)} | step.check.model_dump(mode="json") for step in steps]
        print(json.dumps({"outcome": verdict.outcome, "seconds": seconds, "steps": rows}, indent=2))
    else:
        rows_ = [(step.chapter, step.title, step.expected, step.seen, f"{step.seconds:.0f}") for step in steps]
        print_columns([("chapter", "step", "expected", "verdict", "s"), *rows_])
        print(f"demo: {str(verdict.outcome).upper()}, {len(steps)} steps, {time.monotonic() - began:.0f} s in all")
    sys.stdout.flush()
    raise typer.Exit(verdict.outcome.exit_code)


@contextmanager
def _scene(chapters: Sequence[Chapter], paths: Paths, shown: Progress, *, keep: bool) -> Iterator[Here]:
    """What an earlier demo left goes first; what this one makes goes in the end, whatever happened."""
    from promotion.demo.chapters import places
    from promotion.demo.scene import Here, folder, strike

    strike(paths, shown)
    try:
        scene = Here.build(paths, shown)
        shown.say("\nThe agent as it is at first, signed by alice, put where it is to be changed")
        scene.set_up(places(chapters, scene.moves))
        yield scene
    finally:
        if keep:
            shown.say(f"\nkept: {folder(paths)}, tenants demo-…; groundwork demo --remove takes all of it away")
        else:
            shown.say("\nRemoving what the demo has made")
            strike(paths, shown)


def _told(chapters: Sequence[Chapter], scene: Here, shown: Progress) -> list[Step]:
    from promotion.demo.story import tell

    return list(tell(chapters, scene, shown.say))


def _verdict(steps: Sequence[Step]) -> Verdict:
    from groundwork.verdict import Verdict

    return Verdict.of("demo", "local", datetime.now(UTC), {}, [step.check for step in steps])
