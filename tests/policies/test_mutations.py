"""The graphs that components make break no policy, and whatever is switched off in them is noticed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import stacks
from local.paths import Paths
from local.record import Record, Way
from local.record import write as write_record
from policies.analysis import Findings, short
from policies.exceptions import Exceptions
from policies.rule import Resource
from stacks import layers
from tests.components.recording import record
from tests.components.samples import DIGEST
from tests.policies.mutations import Mutation, mutations
from tests.stacks.test_program import IMAGES, OUTPUTS, config

NONE = Exceptions(listed=(), today=dt.date(2026, 1, 1))
STACKS = ("local", "local.acme", "local.globex")


def graph(
    stack: str, home: Path, monkeypatch: pytest.MonkeyPatch, more_images: Mapping[str, str] | None = None
) -> list[Resource]:
    """What the program declares, as the engine tells a policy pack of it."""
    monkeypatch.setenv("GROUNDWORK_HOME", str(home))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)
    (home / "kubeconfig").write_text("")
    # As on the node of this machine, where Istio's agent is installed on the node and no pod does it.
    made = Record(way=Way.REAL, stack="local", kubeconfig=(home / "kubeconfig").resolve())
    write_record(Paths.for_user(), made)
    (home / "images.json").write_text(json.dumps({**IMAGES, **(more_images or {})}))
    seen = record(stacks.program, stack=stack, config=config() if stack == "local" else {}, references=OUTPUTS)
    return [Resource(type=each.type, urn=each.urn, name=each.name, props=dict(each.inputs)) for each in seen.resources]


def found(resources: Sequence[Resource]) -> set[tuple[str, str, str]]:
    return {(each.rule.id, each.urn, each.message) for each in Findings.of(resources, NONE).listed}


def survives(mutation: Mutation, resources: Sequence[Resource], before: set[tuple[str, str, str]]) -> bool:
    mutated = [
        mutation.after if each is mutation.before else each
        for each in resources
        if each is not mutation.before or mutation.after is not None
    ]
    return found([each for each in mutated if each is not None]) <= before


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_breaks_no_policy(stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [
        f"{short(each.urn)}: {each.message} [{each.rule.id}]"
        for each in Findings.of(graph(stack, tmp_path, monkeypatch), NONE).listed
    ] == []


@pytest.mark.parametrize(
    ("layer", "excepted"),
    [
        ("secrets", set()),
        ("admission", {("k8s-network-policy", "gatekeeper-gatekeeper")}),
        (
            "observability",
            {
                ("k8s-namespace-pod-security", "groundwork-node-logs"),
                ("k8s-pod-volumes", "collector-agent"),
                ("mesh-authorization", "collector-callers"),
            },
        ),
    ],
)
def test_a_layer_breaks_no_policy_but_where_an_exception_says_why(
    layer: str, excepted: set[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether or not `local` chooses it.
    monkeypatch.setattr(layers, "require_layer", lambda *_: None)
    own = {name: DIGEST.replace("agent-runtime", name) for name in layers.IMAGES[layer]}
    resources = graph(f"local.{layer}", tmp_path, monkeypatch, own)
    listed = Findings.of(resources, NONE).listed
    assert {(each.rule.id, each.urn.rpartition("::")[2]) for each in listed} == excepted
    allowed = Findings.of(resources, Exceptions.read(today=NONE.today)).listed
    assert [f"{short(each.urn)}: {each.message} [{each.rule.id}]" for each in allowed if not each.excepted] == []


def test_every_hardening_property_that_is_switched_off_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total, survivors = 0, []
    for stack in STACKS[:2]:
        resources = graph(stack, tmp_path, monkeypatch)
        before = found(resources)
        for mutation in (each for resource in resources for each in mutations(resource)):
            total += 1
            if survives(mutation, resources, before):
                survivors.append(str(mutation))
    print(f"{total - len(survivors)} of {total} mutations are caught")
    assert total >= 120
    assert survivors == [], "\n".join(survivors)
