"""Who may call a function is named, and for what of whose account."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity

_SERVICE = ".amazonaws.com"


def _check(resource: Resource) -> Iterator[str]:
    principal = str(resource.at("principal"))
    if principal == "*":
        yield "everybody may call it"
    if principal.endswith(_SERVICE):
        if not resource.at("sourceArn"):
            yield f"{principal} may call it for anything"
        if not resource.at("sourceAccount"):
            yield f"{principal} may call it for any account"
    if resource.at("functionUrlAuthType") == "NONE":
        yield "its address asks nobody who they are"


RULE = Rule(
    id="aws-lambda-permission",
    title="Functions are called by who is named, for what is ours",
    severity=Severity.CRITICAL,
    frameworks=("FSBP Lambda.1", "AWS IAM: the confused deputy problem"),
    remediation="name the principal; of a service of AWS, set sourceArn and sourceAccount",
    types=frozenset({"aws:lambda/permission:Permission"}),
    check=_check,
)
