"""Gatekeeper's templates and constraints, made of the rules in Rego and of what the pack says of each.

A file of `rules/` is named after the pack's rule that it repeats: title, severity and kinds stand there alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from policies.pack.rules import by_id
from policies.rule import Rule

FOLDER = Path(__file__).parent / "rules"
_LIBRARY = "lib"
_TARGET = "admission.k8s.gatekeeper.sh"
# What keeps the cluster and the gate itself alive; nothing of a tenant or of the platform stands there.
EXEMPT = ("kube-system", "gatekeeper-system")
# Rules that look at objects beside the one that is asked about: Gatekeeper must keep these at hand.
BESIDE_KINDS = (("networking.istio.io", "v1", "VirtualService"),)
_ROUTES = [{"groups": [group], "versions": [version], "kinds": [kind]} for group, version, kind in BESIDE_KINDS]
_BESIDE = {"tenant-hosts-unique": json.dumps(json.dumps([_ROUTES]))}
Manifest = Mapping[str, object]


def held() -> tuple[Rule, ...]:
    """The rules of the pack that have an admission form."""
    known = by_id()
    return tuple(known[file.stem] for file in sorted(FOLDER.glob("*.rego")) if file.stem != _LIBRARY)


def kind_of(rule: Rule) -> str:
    """`k8s-image-digest` → `K8sImageDigest`: the kind of its constraint."""
    return "".join(part.capitalize() for part in rule.id.split("-"))


def manifests() -> Iterator[Manifest]:
    """A template and a constraint for each rule."""
    for rule in held():
        yield template(rule)
        yield constraint(rule)


def template(rule: Rule, folder: Path = FOLDER, parameters: Mapping[str, object] | None = None) -> Manifest:
    """The rule's Rego, for Gatekeeper. `folder`: where it stands; `parameters`: name → schema of what it is given."""
    source = (folder / f"{rule.id}.rego").read_text("utf-8")
    code: dict[str, object] = {"version": "v1", "rego": source}
    if f"data.{_LIBRARY}." in source:
        code["libs"] = [(FOLDER / f"{_LIBRARY}.rego").read_text("utf-8")]
    notes = {"description": f"{rule.title}. Fix: {rule.remediation}"}
    if rule.id in _BESIDE:
        notes["metadata.gatekeeper.sh/requires-sync-data"] = _BESIDE[rule.id]
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind_of(rule).lower(), "annotations": notes},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind_of(rule)}, **(_validation(parameters) if parameters else {})}},
            "targets": [{"target": _TARGET, "code": [{"engine": "Rego", "source": code}]}],
        },
    }


def _validation(parameters: Mapping[str, object]) -> Mapping[str, object]:
    """Of the constraint's kind, which Gatekeeper makes a while after it is told of a template.

    Unknown fields are kept: a constraint that comes with a new template is written while its kind is still the old one,
    and would lose a new parameter without a word.
    """
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": dict(parameters)}
    return {"validation": {"openAPIV3Schema": schema}}


def constraint(
    rule: Rule, *, match: Mapping[str, object] | None = None, parameters: Mapping[str, object] | None = None
) -> Manifest:
    """Where the rule holds. `match`: what it is narrowed to beside its kinds; `parameters`: what its Rego is given."""
    return {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": kind_of(rule),
        "metadata": {"name": rule.id},
        "spec": {
            # As in the pack: what is critical or high stops, the rest is said.
            "enforcementAction": "deny" if rule.severity.stops else "warn",
            "match": {
                "kinds": [{"apiGroups": ["*"], "kinds": sorted(rule.types)}],
                "excludedNamespaces": list(EXEMPT),
                **(match or {}),
            },
            **({"parameters": dict(parameters)} if parameters else {}),
        },
    }
