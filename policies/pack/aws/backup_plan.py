"""Databases are backed up: a plan, a selection that finds them, and a week to notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, at, entries, items


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    plans = [each for each in resources if each.type == "aws:backup/plan:Plan"]
    chosen = [each for each in resources if each.type == "aws:backup/selection:Selection"] if plans else []
    tags = {(at(tag, "key"), at(tag, "value")) for each in chosen for tag in items(each.at("selectionTags"))}
    for database in (each for each in resources if each.type == "aws:rds/instance:Instance"):
        if not tags & set(entries(database.at("tags"))):
            yield database, "no plan of AWS Backup selects it"
    for plan in plans:
        for rule in items(plan.at("rules")):
            days = at(rule, "lifecycle", "deleteAfter")
            if not isinstance(days, int | float) or days < 7:
                yield plan, f"rule {at(rule, 'ruleName')} keeps for {days} days, less than 7"


RULE = Rule(
    id="aws-backup-plan",
    title="Databases are in a backup plan that keeps for a week or more",
    severity=Severity.HIGH,
    frameworks=("FSBP RDS.26", "NIST SP 800-53r5 CP-9"),
    remediation="declare Plan and Selection, give the database the selection's tag; lifecycle.deleteAfter of 7 or more",
    types=frozenset({"aws:rds/instance:Instance", "aws:backup/plan:Plan"}),
    stack=_check,
)
