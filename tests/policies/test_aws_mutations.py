"""The graphs of AWS environments: no policy is broken, and whatever is switched off in them is noticed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from policies.analysis import Findings, short
from policies.exceptions import Exceptions
from policies.pack.rules import rules
from policies.rule import Resource, Rule
from tests.policies.aws_mutations import FLIPS, LEFT_OUT, OF_TYPE
from tests.policies.mutations import Mutation, mutations
from tests.policies.test_mutations import NONE
from tests.stacks.test_aws_program import graph as declared

# With EKS, without, and an agent on Fargate: all types that components make.
STACKS = ("prod", "ecs", "ecs.acme")
Found = Counter[tuple[str, str, str]]
AWS = tuple(rule for rule in rules() if rule.id.startswith("aws-"))
_WHOLE = tuple(rule for rule in AWS if rule.stack is not None)


@cache
def graph(stack: str) -> tuple[Resource, ...]:
    """As it will be: what only AWS tells has a name in its place."""
    return tuple(
        Resource(type=each.type, urn=each.urn, name=each.name, props=_named(dict(each.inputs), each.unknown))
        for each in declared(stack).nodes
        if each.type.startswith(("aws:", "pulumi:providers:aws"))
    )


def _named(props: Mapping[str, object], unknown: frozenset[tuple[str | int, ...]]) -> Mapping[str, object]:
    """A policy of which a part is not known is taken to say nothing."""
    made = json.loads(json.dumps(props))
    for path in unknown:
        here = made
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = "{}" if path[-1] == "policy" else f"<{'.'.join(map(str, path))}>"
    return dict(made)


def found(resources: Sequence[Resource], chosen: Sequence[Rule]) -> Found:
    listed = Findings.of(resources, NONE, chosen).listed
    return Counter((each.rule.id, each.urn, each.message) for each in listed)


def survives(mutation: Mutation, resources: Sequence[Resource], before: Found, of_stack: Found) -> bool:
    """Asked of the changed resource alone, and of the stack where the former find nothing."""
    if mutation.after is not None:
        alone = [rule for rule in AWS if rule.check is not None and rule.concerns(mutation.after.type)]
        if found([mutation.after], alone) - before:
            return False
    mutated = [mutation.after if each is mutation.before else each for each in resources]
    return not found([each for each in mutated if each is not None], _WHOLE) - of_stack


@pytest.mark.parametrize("stack", ["prod", "staging", "dev", "ecs", "ecs.acme", "ecs.globex"])
def test_nothing_that_stops_is_broken_without_an_exception(stack: str) -> None:
    listed = Findings.of(graph(stack), Exceptions.read(today=NONE.today), AWS).listed
    assert [f"{short(each.urn)}: {each.message} [{each.rule.id}]" for each in listed if not each.excepted] == []


def test_every_hardening_property_that_is_switched_off_is_noticed() -> None:
    total, survivors = 0, []
    for stack in STACKS:
        resources = graph(stack)
        before, of_stack = found(resources, AWS), found(resources, _WHOLE)
        for mutation in (each for resource in resources for each in mutations(resource)):
            total += 1
            if survives(mutation, resources, before, of_stack):
                survivors.append(f"{stack} {mutation}")
    print(f"{total - len(survivors)} of {total} mutations are caught")
    assert total >= 120
    assert survivors == [], "\n".join(survivors)


def test_each_type_of_the_tables_is_made_by_some_component() -> None:
    made = {each.type for stack in STACKS for each in graph(stack)}
    assert {*FLIPS, *OF_TYPE, *LEFT_OUT} - made == set()


def test_each_type_that_a_rule_is_about_is_switched_off_in_something() -> None:
    # A quota is about how many there are (test_quotas.py).
    about = {type_ for rule in AWS if rule.id != "aws-quotas" for type_ in rule.types}
    made = {each.type for stack in STACKS for each in graph(stack)}
    # A network is held to what stands beside it.
    assert made & about - {*FLIPS, *OF_TYPE, *LEFT_OUT} == {"aws:ec2/vpc:Vpc"}
