"""What checks objects cannot be passed by when it is down."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    for webhook in items(resource.at("webhooks")):
        if at(webhook, "failurePolicy") == "Ignore":
            yield f"webhook {at(webhook, 'name')}: failurePolicy is Ignore"


RULE = Rule(
    id="k8s-webhooks-fail-closed",
    title="Admission webhooks fail closed",
    severity=Severity.HIGH,
    frameworks=("NSA: Admission control",),
    remediation="set failurePolicy: Fail",
    types=frozenset(
        f"{kind}WebhookConfiguration{patch}" for kind in ("Validating", "Mutating") for patch in ("", "Patch")
    ),
    check=_check,
)
