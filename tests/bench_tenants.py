"""How long the first, the tenth and the hundredth tenant take: added in one run, to the environment that is up.

`python -m tests.bench_tenants [COUNT]`. Tenants after the first ten have no pods. All are deleted after.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from groundwork.errors import ExitCode
from tests.command import copy_of_checkout, groundwork, succeeded

COUNT = 100
RUNNING = 10
FEWEST = 2 * RUNNING  # for the medians to be of different tenants
MOST = 1.2


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Seconds of each tenant's stack, in the order in which they were added; and of each whole command."""

    seconds: list[float]
    commands: dict[int, float]

    @property
    def ratio(self) -> float:
        """The hundredth to the first. Medians of five, as a single one says more about the moment than the number."""
        return median(self.seconds[-5:]) / median(self.seconds[:5])

    @property
    def like_for_like(self) -> float:
        """The same among those without pods: the last ten to the first ten of them."""
        idle = self.seconds[RUNNING:]
        return median(idle[-10:]) / median(idle[:10])


def measure(count: int = COUNT) -> Curve:
    """Add `count` tenants, all of them deleted again whatever happens. Raises ValueError for too few."""
    if count < FEWEST:
        raise ValueError(f"{count} tenants make no curve: {FEWEST} at least")
    names = [f"bench-{number:03}" for number in range(1, count + 1)]
    with tempfile.TemporaryDirectory(prefix="gwb") as folder:
        checkout = copy_of_checkout(Path(folder) / "c")
        try:
            first, began = _add(checkout, names[:RUNNING])
            rest, went_on = _add(checkout, names[RUNNING:], "--set", "suspended=bench")
        finally:
            succeeded(groundwork("tenant", "delete", *names, "--yes", checkout=checkout))
    return Curve(seconds=first + rest, commands={RUNNING: began, count: began + went_on})


def _add(checkout: Path, names: list[str], *options: str) -> tuple[list[float], float]:
    outcome = json.loads(succeeded(groundwork("tenant", "add", *names, *options, "--json", checkout=checkout)))
    rows: dict[str, dict[str, float]] = outcome["stacks"]
    seconds = [rows[f"{outcome['environment']}.{name}"]["seconds"] for name in names]
    return seconds, outcome["seconds"]


def show(curve: Curve) -> bool:
    """Print the curve; whether the limit is held."""
    held = curve.ratio <= MOST and curve.like_for_like <= MOST
    for number in (1, RUNNING, len(curve.seconds)):
        around = curve.seconds[max(0, number - 5) : number] if number > 1 else curve.seconds[:5]
        print(f"tenant {number:>4}: {median(around):6.2f} s (median of five)")
    for number, seconds in curve.commands.items():
        print(f"all of {number:>4}: {seconds:6.0f} s, {seconds / number:.2f} s each")
    print(f"the last to the first: {curve.ratio:.2f}, without pods {curve.like_for_like:.2f} (limit {MOST})", end="  ")
    print("pass" if held else "FAIL")
    return held


if __name__ == "__main__":
    sys.exit(ExitCode.PASS if show(measure(*map(int, sys.argv[1:2]))) else ExitCode.FAIL)
