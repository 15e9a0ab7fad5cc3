"""Scripts bring a kernel from one table to the next: tried on a kernel that keeps to nft's order and references."""

from __future__ import annotations

import itertools

from hypothesis import given

from local.node_agent.plan import Cluster, plan
from local.node_agent.ranges import addresses, merged, without
from local.node_agent.table import Chain, Set, Table, change, removal, replacement
from tests.local.node_agent.samples import clusters

PREFIX = "inet groundwork_policy "


class Model:
    """Sets and chains as the kernel would have them after a script. Asserts what the kernel would refuse."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.there = False
        self.sets: dict[str, set[str]] = {}
        self.chains: dict[str, list[str]] = {}

    def run(self, script: str) -> None:
        for line in script.splitlines():
            verb, kind, rest = line.split(" ", 2)
            assert rest.startswith(PREFIX.strip()), line
            self._one(verb, kind, rest.removeprefix(PREFIX.strip()).strip())

    def _one(self, verb: str, kind: str, rest: str) -> None:
        name, _, tail = rest.partition(" ")
        match verb, kind:
            case "add", "table":
                self.there = True
            case "delete", "table":
                assert self.there
                self._clear()
            case "add", "set" | "map":
                assert name not in self.sets
                self.sets[name] = set()
            case "add", "chain":
                assert name not in self.chains
                self.chains[name] = []
            case _, "element":
                self._elements(verb, name, set(tail.strip("{ }").split(", ")))
            case "add", "rule":
                assert all(word[1:] in self.sets for word in tail.split() if word.startswith("@")), rest
                assert "jump" not in tail or tail.split()[-1] in self.chains, rest
                self.chains[name].append(tail)
            case "flush", "chain":
                self.chains[name].clear()
            case "delete", "chain":
                assert self.chains.pop(name) == []
                assert not any(rule.endswith(f"jump {name}") for rules in self.chains.values() for rule in rules)
                assert not any(row.endswith(f"jump {name}") for rows in self.sets.values() for row in rows)
            case "delete", "set" | "map":
                assert not any(f"@{name} " in f"{rule} " for rules in self.chains.values() for rule in rules)
                del self.sets[name]
            case _:
                raise AssertionError((verb, kind))

    def _elements(self, verb: str, name: str, rows: set[str]) -> None:
        if verb == "add":
            keys = {row.split(" : ")[0] for row in self.sets[name]}
            assert not keys & {row.split(" : ")[0] for row in rows}
            self.sets[name] |= rows
        else:
            assert rows <= self.sets[name]
            self.sets[name] -= rows

    def is_(self, table: Table) -> bool:
        sets = {name: set(found.elements) for name, found in table.sets.items()}
        chains = {name: list(chain.rules) for name, chain in table.chains.items()}
        return self.sets == sets and self.chains == chains


@given(clusters(), clusters(), clusters())
def test_differences_lead_to_the_planned_table(first: Cluster, second: Cluster, third: Cluster) -> None:
    model, tables = Model(), [plan(first), plan(second), plan(third)]
    model.run(replacement(tables[0]))
    assert model.is_(tables[0])
    for before, after in itertools.pairwise(tables):
        model.run(change(before, after))
        assert model.is_(after)


@given(clusters(), clusters())
def test_a_replacement_leaves_nothing_of_what_was_there(first: Cluster, second: Cluster) -> None:
    model = Model()
    model.run(replacement(plan(first)))
    model.run(replacement(plan(second)))
    assert model.is_(plan(second))
    model.run(removal())
    assert not model.there


@given(clusters())
def test_where_nothing_differs_there_is_nothing_to_do(found: Cluster) -> None:
    assert change(plan(found), plan(found)) == ""


def test_one_pod_more_changes_elements_only() -> None:
    before = Table(sets={"pods": Set("ipv4_addr", frozenset({"10.0.0.1"}))}, chains={"c": Chain(("drop",))})
    after = Table(sets={"pods": Set("ipv4_addr", frozenset({"10.0.0.1", "10.0.0.2"}))}, chains=before.chains)
    assert change(before, after) == "add element inet groundwork_policy pods { 10.0.0.2 }\n"


def test_many_elements_are_written_in_several_lines() -> None:
    many = Table(sets={"pods": Set("ipv4_addr", frozenset(f"10.0.{n // 256}.{n % 256}" for n in range(1200)))})
    lines = [line for line in replacement(many).splitlines() if line.startswith("add element")]
    assert len(lines) == 3


def test_ranges() -> None:
    assert merged([(5, 6), (1, 3), (4, 4), (9, 9)]) == ((1, 6), (9, 9))
    assert without([(0, 10)], [(0, 1), (5, 5), (9, 20)]) == ((2, 4), (6, 8))
    assert without([(0, 10)], [(0, 10)]) == ()
    assert addresses("10.0.0.0/30") == (167772160, 167772163)
    assert addresses("2001:db8::/32") is None
