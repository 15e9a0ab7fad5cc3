"""promtool and Prometheus, from Debian's package, and alerts' cases as `promtool test rules` reads them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from components.observability.scraping import Config
from groundwork.console import PlainProgress
from local.toolchain.debian import Package, ensure

PACKAGE = Package(name="prometheus", purpose="tests rules", programs=("prometheus", "promtool"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one alert does as its input goes by.

    `series`: name{labels} → promtool's notation, a value a minute. `firing`: minute → the labels of all that fire then
    under this name (severity, and whatever tells them apart); none, where it must not.
    """

    alert: str
    series: Mapping[str, str]
    firing: Mapping[int, Sequence[Mapping[str, str]]]


def counter(*parts: tuple[float, int], start: float = 0) -> str:
    """A counter that grows by so much a minute for so many minutes, then by another."""
    said, value = [], start
    for growth, minutes in parts:
        said.append(f"{value:g}+{growth:g}x{minutes - 1}")
        value += growth * minutes
    return " ".join(said)


def gauge(*parts: tuple[float, int]) -> str:
    """A value for so many minutes, then another."""
    return " ".join(f"{value:g}+0x{minutes - 1}" for value, minutes in parts)


def ensured() -> None:
    """Have promtool. Raises UserError with the command to run where it cannot be installed."""
    ensure(PlainProgress(), [PACKAGE])


def check(files: Mapping[str, Config], folder: Path) -> None:
    """`promtool check rules` of all files."""
    _run("check", "rules", *map(str, _written(files, folder)))


def run_cases(files: Mapping[str, Config], cases: Sequence[Case], folder: Path) -> None:
    """`promtool test rules`. Raises AssertionError with what it says."""
    document = {
        "rule_files": [str(path) for path in _written(files, folder)],
        "evaluation_interval": "30s",
        "tests": [_test(case) for case in cases],
    }
    path = folder / "cases.yaml"
    path.write_text(json.dumps(document, indent=1))
    _run("test", "rules", str(path))


def alerts(files: Mapping[str, Config]) -> list[Config]:
    """Every alert of the files, as Prometheus reads it."""
    every = [group for file in files.values() for group in groups(file)]
    return [_mapping(rule) for group in every for rule in _list(group["rules"]) if "alert" in _mapping(rule)]


def groups(file: Config) -> list[Config]:
    """A file's groups of rules."""
    return [_mapping(group) for group in _list(file["groups"])]


def _test(case: Case) -> Config:
    names = sorted({label for all_ in case.firing.values() for labels in all_ for label in labels})
    expr = f'count by ({", ".join(names)}) (ALERTS{{alertname="{case.alert}",alertstate="firing"}})'
    return {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": _selector(labels), "value": 1} for labels in expected],
            }
            for minute, expected in case.firing.items()
        ],
    }


def _selector(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _written(files: Mapping[str, Config], folder: Path) -> list[Path]:
    paths = []
    for name, file in files.items():
        paths.append(folder / f"rules-{name}.yaml")
        paths[-1].write_text(json.dumps(file))
    return paths


def _run(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


def _mapping(value: JsonValue) -> Config:
    assert isinstance(value, dict)
    return value
