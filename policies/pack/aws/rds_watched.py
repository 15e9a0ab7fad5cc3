"""What happens in a database is written down."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts

_WANTED = {
    "row_security": {"1"},
    "log_connections": {"1"},
    "log_disconnections": {"1"},
    "log_statement": {"ddl", "mod", "all"},
}


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":ParameterGroup"):
        if not str(resource.at("family")).startswith("postgres"):
            return
        given = {str(at(each, "name")): str(at(each, "value")) for each in items(resource.at("parameters"))}
        for name, allowed in _WANTED.items():
            if given.get(name) not in allowed:
                yield f"{name} is {given.get(name)}"
        return
    if not texts(resource.at("enabledCloudwatchLogsExports")):
        yield "enabledCloudwatchLogsExports is empty"
    if not resource.at("monitoringInterval"):
        yield "monitoringInterval is 0"


RULE = Rule(
    id="aws-rds-watched",
    title="Databases write connections and changes of tables down, and export it",
    severity=Severity.MEDIUM,
    frameworks=("FSBP RDS.6", "FSBP RDS.9", "FSBP RDS.36"),
    remediation="set enabledCloudwatchLogsExports, monitoringInterval and the parameters log_…, row_security",
    types=frozenset({"aws:rds/instance:Instance", "aws:rds/parameterGroup:ParameterGroup"}),
    check=_check,
)
