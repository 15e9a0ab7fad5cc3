"""One run of checkov over a stack, and its findings with the resource and the line of Python they are about."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from groundwork.errors import ExitCode, UserError
from policies.checkov.terraform import plan, terraform_type
from policies.rule import Resource, Value, at, items

# Frameworks of checkov that read files of the checkout; the other two read what is written here.
FILES = ("dockerfile", "github_actions", "ansible")
# Of these something must have been checked. Ansible's checks are about modules that no playbook here has to use.
CHECKED = ("dockerfile", "github_actions")
PLAN, MANIFESTS = "terraform_plan", "kubernetes"
# What people did not write, and a module that only has the name of a Dockerfile.
SKIPPED = (r"\.venv", r"\.git/", r"local/images/dockerfile\.py", r"tests/")
# In one process each: what it forks for every file takes two thirds of its time, and finds the same (performance.md).
_ALONE = {"CHECKOV_PARALLELIZATION_TYPE": "none"}
_OURS = ("pulumi:", "groundwork:")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One failed check. `where`: a URN, or a file and line of the checkout."""

    check: str
    title: str
    where: str
    guideline: str = ""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What came of a run. `scanned`: checks that were made; `untranslated`: types of which checkov was told nothing.

    `unread`: what it was given and made no check of, or could not read.
    """

    found: tuple[Found, ...]
    scanned: int
    untranslated: tuple[str, ...]
    unread: tuple[str, ...]


def scan(checkov: Path, resources: Sequence[Resource], checkout: Path | None) -> Scan:
    """Run checkov on a stack's resources, and on the files of `checkout` where it is named. Raises UserError."""
    clouds = [each for each in resources if terraform_type(each.type)]
    objects = [each for each in resources if each.kind and each.at("apiVersion")]
    with tempfile.TemporaryDirectory(prefix="gwc") as name:
        folder = Path(name)
        if clouds:
            (folder / "plan.json").write_text(json.dumps(plan(clouds)))
        places = _write(folder, objects)
        given = [name for name, rows in ((PLAN, clouds), (MANIFESTS, objects)) if rows]
        runs = [(folder, tuple(given))] if given else []
        if checkout is not None:
            runs.append((checkout, FILES))
            given += CHECKED
        # Two processes, as they have nothing to do with each other and half of their time is checkov's start.
        with ThreadPoolExecutor(max(1, len(runs))) as pool:
            reports = [report for run in pool.map(lambda run: _run(checkov, *run), runs) for report in run]
    found = [each for report in reports for each in _failed(report, places)]
    return Scan(
        found=tuple(found),
        scanned=sum(map(_made, reports)),
        untranslated=untranslated(resources),
        unread=tuple(_unread(reports, given, places)),
    )


def untranslated(resources: Sequence[Resource]) -> tuple[str, ...]:
    """The types that are neither Kubernetes' nor in the table of Terraform's."""
    types = {each.type for each in resources if not each.kind and not each.type.startswith(_OURS)}
    return tuple(sorted(type_ for type_ in types if terraform_type(type_) is None))


def _write(folder: Path, objects: Sequence[Resource]) -> Mapping[str, str]:
    """A file an object; gives the URN of each by its file's name."""
    places = {}
    for number, each in enumerate(objects):
        file = folder / f"{number}.yaml"
        file.write_text(yaml.safe_dump(each.props))
        places[file.name] = each.urn
    return places


def _run(checkov: Path, folder: Path, frameworks: Sequence[str]) -> list[Value]:
    command = [str(checkov), "-d", str(folder), "--framework", *frameworks, "--skip-download", "-o", "json", "--quiet"]
    for path in SKIPPED:
        command += ["--skip-path", path]
    ended = subprocess.run(command, env={**os.environ, **_ALONE}, capture_output=True, text=True, check=False)
    try:
        answer: Value = json.loads(ended.stdout)
    except ValueError:
        raise UserError(
            what=ended.stderr.strip()[-2000:] or f"checkov ended with {ended.returncode} and said nothing",
            where="checkov",
            fix="remove the folder checkov of the cache, and run it again",
            code=ExitCode.ERROR,
        ) from None
    return [report for report in items(answer) if at(report, "results") is not None]


def _failed(report: Value, places: Mapping[str, str]) -> Iterator[Found]:
    for row in items(at(report, "results", "failed_checks")):
        file = Path(str(at(row, "file_path"))).name
        resource = str(at(row, "resource"))
        line = at(row, "file_line_range", 0)
        where = places.get(file) or (resource if resource.startswith("urn:") else f"{at(row, 'file_path')}:{line}")
        if "urn:pulumi:" in resource:
            where = resource[resource.index("urn:pulumi:") :]
        yield Found(
            check=str(at(row, "check_id")),
            title=str(at(row, "check_name")),
            where=where,
            guideline=str(at(row, "guideline") or ""),
        )


def _unread(reports: Sequence[Value], given: Sequence[str], places: Mapping[str, str]) -> Iterator[str]:
    looked = {str(at(report, "check_type")) for report in reports if _made(report)}
    yield from (f"{framework} (no check was made)" for framework in given if framework not in looked)
    for report in reports:
        for file in items(at(report, "results", "parsing_errors")):
            yield places.get(Path(str(file)).name, str(file))


def _made(report: Value) -> int:
    return _count(at(report, "summary", "passed")) + _count(at(report, "summary", "failed"))


def _count(value: Value) -> int:
    return value if isinstance(value, int) else 0
