"""Where runs are kept: a folder a run, with what was measured, the verdict and the report."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree as ET

from pydantic import ValidationError

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically, write_bytes_atomically
from groundwork.verdict import Outcome, Verdict
from loadtests.gate import Baseline
from loadtests.job import Row, Series
from loadtests.plan import Plan
from loadtests.report import page
from loadtests.result import Result
from loadtests.samples import Samples

FILES = ("result.json", "verdict.json", "junit.xml", "series.csv", "requests.csv.gz", "report.html")
_COLUMNS = ("tenant", "agent", "kind", "tier", "intended_us", "latency_us", "first_us", "late_us", "waited", "error")


class Store:
    """The runs in one folder, newest last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, result: Result, samples: Samples) -> Path:
        """Write all files of a run; result.json last, as a run is there when that is. Returns the run's folder."""
        folder = self.folder / result.run
        write_bytes_atomically(folder / "requests.csv.gz", _requests(samples))
        write_atomically(folder / "series.csv", _series(result))
        write_atomically(folder / "junit.xml", junit(result.verdict))
        write_atomically(folder / "verdict.json", result.verdict.model_dump_json(indent=2) + "\n")
        write_atomically(folder / "report.html", page(result))
        write_atomically(folder / "result.json", result.model_dump_json(by_alias=True, indent=1) + "\n")
        return folder

    def runs(self) -> Iterator[Result]:
        """All that can be read."""
        for file in sorted(self.folder.glob("*/result.json")):
            try:
                yield Result.model_validate_json(file.read_bytes())
            except ValidationError:
                continue

    def get(self, run: str) -> Result:
        """One run; `last` is the newest. Raises UserError."""
        known = {result.run: result for result in self.runs()}
        found = known.get(run) if run != "last" else next(reversed(known.values()), None)
        if found is None:
            names = ", ".join(list(known)[-5:]) or "none yet"
            raise UserError(what=f"there is no load run {run!r}", allowed=f"last, {names}", fix="groundwork load list")
        return found

    def baseline(self, plan: Plan, target: str, environment: str) -> Baseline | None:
        """The newest passing run of the same plan on the same target."""
        for result in reversed(list(self.runs())):
            same = result.plan.digest == plan.digest and result.target == target
            if same and result.verdict.environment == environment and result.verdict.outcome is Outcome.PASS:
                begin, end = plan.warm_up.total_seconds(), plan.seconds
                samples = read_requests(self.folder / result.run / "requests.csv.gz", result)
                return Baseline(run=result.run, samples=samples, begin=begin, end=end)
        return None


def read_requests(file: Path, result: Result) -> Samples:
    """A run's requests as they were measured. Raises UserError where the file is not what was written."""
    series = [Series(**each.tags) for each in result.series]
    samples = Samples(series=series, pauses=list(result.pauses))
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
            samples.add(_rows(stream, series))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(what=f"cannot be read: {error}", where=str(file), code=ExitCode.ERROR) from None
    return samples


def junit(verdict: Verdict) -> str:
    """A test case a check, for whatever shows JUnit's files: inconclusive is an error there, as nothing was shown."""
    bad = [check for check in verdict.checks if check.outcome is Outcome.FAIL]
    unknown = [check for check in verdict.checks if check.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}]
    suite = ET.Element(
        "testsuite",
        name=f"{verdict.gate} {verdict.environment}",
        tests=str(len(verdict.checks)),
        failures=str(len(bad)),
        errors=str(len(unknown)),
        timestamp=verdict.at.isoformat(timespec="seconds"),
    )
    for check in verdict.checks:
        case = ET.SubElement(suite, "testcase", classname=verdict.gate, name=check.name)
        text = f"{check.measured}; limit {check.limit}; {check.why}"
        if check.outcome is not Outcome.PASS:
            kind = "failure" if check.outcome is Outcome.FAIL else "error"
            ET.SubElement(case, kind, message=f"{check.outcome}: {text}", type=str(check.outcome))
        else:
            ET.SubElement(case, "system-out").text = text
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _requests(samples: Samples) -> bytes:
    held = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8", newline="") as text,
    ):
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        s = samples
        for n in range(len(s)):
            rest = (s.intended[n], s.latency[n], s.first[n], s.late[n], s.waited[n], s.names[s.error[n]])
            writer.writerow([*s.series[s.which[n]], *rest])
    return held.getvalue()


def _rows(stream: TextIO, series: list[Series]) -> Iterator[Row]:
    numbers = {each: number for number, each in enumerate(series)}
    reader = csv.reader(stream)
    if tuple(next(reader)) != _COLUMNS:
        raise ValueError("other columns than a run's")
    for tenant, agent, kind, tier, intended, latency, first, late, waited, error in reader:
        number = numbers[Series(tenant, agent, kind, tier)]
        yield Row(number, int(intended), int(latency), int(first), int(late), int(waited), error)


def _series(result: Result) -> str:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    shares = list(result.all.percentiles)
    writer.writerow(["series", "requests", "errors", "mean_ms", *(f"p{share}_ms" for share in shares)])
    for each in (result.all, *result.series):
        cells = [each.percentiles.get(share, "") for share in shares]
        writer.writerow([each.name, each.requests, sum(each.errors.values()), each.mean, *cells])
    return held.getvalue()
