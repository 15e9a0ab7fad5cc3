"""A result of the gate for people and for machines: table, JSON, SARIF, JUnit."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from xml.etree import ElementTree as ET

from policies.analysis import short
from policies.gate import Result, Row
from policies.rule import Severity

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


def write(result: Result, how: Format) -> str:
    """The result as text."""
    return {Format.TABLE: table, Format.JSON: as_json, Format.SARIF: sarif, Format.JUNIT: junit}[how](result)


def table(result: Result) -> str:
    """By severity, each with where it is, the line that made it, and the fix."""
    rows = []
    for severity in Severity:
        own = [row for row in result.rows if row.severity is severity and not row.excepted]
        if own:
            rows += [f"{severity.upper()} ({len(own)})", *(_lines(row) for row in own)]
    excepted = sum(row.excepted for row in result.rows)
    rows += [
        f"{check.name}: {check.outcome} – {check.measured} {check.why}".rstrip() for check in result.verdict.checks
    ]
    rows.append(f"{result.verdict.outcome}: {excepted} excepted (policies/exceptions.yaml)")
    return "\n".join(rows)


def _lines(row: Row) -> str:
    line = f"  ({row.line})" if row.line else ""
    fix = f"\n      fix: {row.fix}" if row.fix else ""
    return f"  {row.policy}  {short(row.where)}{line}\n      {row.message}{fix}"


def as_json(result: Result) -> str:
    """The verdict and every breach."""
    return json.dumps(
        {
            "verdict": result.verdict.model_dump(mode="json"),
            "findings": [dataclasses.asdict(row) for row in result.rows],
            "seconds": {stage.name: round(stage.seconds, 2) for stage in result.stages},
        },
        indent=2,
    )


def sarif(result: Result) -> str:
    """SARIF 2.1.0: one result a breach, at the line of Python where that is known."""
    level = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
    found = []
    for row in result.rows:
        file, _, line = (row.line or (row.where if not row.where.startswith("urn:") else "")).rpartition(":")
        place: dict[str, object] = {"logicalLocations": [{"fullyQualifiedName": row.where}]}
        if file and line.isdigit():
            region = {"startLine": max(1, int(line))}
            place["physicalLocation"] = {"artifactLocation": {"uri": file.lstrip("/")}, "region": region}
        one = {
            "ruleId": row.policy,
            "level": level[row.severity],
            "message": {"text": row.message},
            "locations": [place],
        }
        if row.excepted:
            one["suppressions"] = [{"kind": "external"}]
        found.append(one)
    ids = [{"id": policy} for policy in sorted({row.policy for row in result.rows})]
    run = {"tool": {"driver": {"name": "groundwork", "rules": ids}}, "results": found}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def junit(result: Result) -> str:
    """JUnit: a test case a breach and one a stage."""
    suite = ET.Element("testsuite", name="policies")
    for check in result.verdict.checks:
        case = ET.SubElement(suite, "testcase", name=check.name, classname="stage")
        if check.outcome != "pass":
            ET.SubElement(case, "failure", message=check.why or check.measured)
    for row in result.rows:
        case = ET.SubElement(suite, "testcase", name=f"{row.policy} {short(row.where)}", classname=row.stage)
        if row.excepted:
            ET.SubElement(case, "skipped", message="excepted")
        elif row.severity.stops:
            ET.SubElement(case, "failure", message=row.message)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    return ET.tostring(suite, encoding="unicode")
