"""An nftables table as a value, and the scripts that bring the kernel from one table to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

NAME = "groundwork_policy"
FAMILY = "inet"
_TABLE = f"{FAMILY} {NAME}"
_CHUNK = 500  # elements a line: a script stays readable


@dataclass(frozen=True)
class Set:
    """A set, or with `verdicts` a verdict map. `elements`: as nft writes them, for a map "key : verdict"."""

    type: str
    elements: frozenset[str] = frozenset()
    interval: bool = False
    verdicts: bool = False

    @property
    def keyword(self) -> str:
        """What nft calls it."""
        return "map" if self.verdicts else "set"

    def definition(self) -> str:
        """What stands between the braces, elements apart."""
        kind = f"{self.type} : verdict" if self.verdicts else self.type
        return f"type {kind};" + (" flags interval;" if self.interval else "")


@dataclass(frozen=True)
class Chain:
    """A chain. `hook`: "type filter hook … priority …; policy accept;" of a base chain."""

    rules: tuple[str, ...]
    hook: str = ""


@dataclass(frozen=True)
class Table:
    """All that the agent has in the kernel. A name always stands for a set of one type: types never change."""

    sets: dict[str, Set] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)


def replacement(table: Table) -> str:
    """Put the whole table there, whatever there was: one transaction, with no moment between."""
    lines = [f"add table {_TABLE}", f"delete table {_TABLE}", f"add table {_TABLE}"]
    return _script([*lines, *_lines(Table(), table)])


def change(before: Table, after: Table) -> str:
    """Only what differs, in one transaction; empty where nothing does."""
    return _script(_lines(before, after))


def removal() -> str:
    """Take the table away, whether it is there or not."""
    return _script([f"add table {_TABLE}", f"delete table {_TABLE}"])


def _lines(before: Table, after: Table) -> Iterator[str]:
    kept = before.sets.keys() & after.sets.keys()
    for name, made in after.sets.items():
        if name not in kept:
            yield f"add {made.keyword} {_TABLE} {name} {{ {made.definition()} }}"
    for name, chain in after.chains.items():
        if name not in before.chains:
            yield f"add chain {_TABLE} {name}" + (f" {{ {chain.hook} }}" if chain.hook else "")
    for name, made in after.sets.items():
        old = before.sets[name].elements if name in kept else frozenset()
        yield from _elements("delete", name, old - made.elements)
        yield from _elements("add", name, made.elements - old)
    for name, chain in after.chains.items():
        if name in before.chains and before.chains[name].rules != chain.rules:
            yield f"flush chain {_TABLE} {name}"
        if name not in before.chains or before.chains[name].rules != chain.rules:
            yield from (f"add rule {_TABLE} {name} {rule}" for rule in chain.rules)
    gone = sorted(before.chains.keys() - after.chains.keys())
    yield from (f"flush chain {_TABLE} {name}" for name in gone)
    yield from (f"delete chain {_TABLE} {name}" for name in gone)
    yield from (f"delete {before.sets[name].keyword} {_TABLE} {name}" for name in sorted(before.sets.keys() - kept))


def _elements(verb: str, name: str, elements: Iterable[str]) -> Iterator[str]:
    ordered = sorted(elements)
    for start in range(0, len(ordered), _CHUNK):
        yield f"{verb} element {_TABLE} {name} {{ {', '.join(ordered[start : start + _CHUNK])} }}"


def _script(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
