"""What a policy is: an id, how bad a breach is, whose control it is, how to mend it, and the check itself.

A check reads properties as the engine hands them over: mappings and lists that raise where a value is not known yet.
It never catches that: an unknown value is inconclusive, and whoever runs the rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Value = object


class Severity(StrEnum):
    """How bad a breach is. `critical` and `high` stop the engine; `medium` and `low` are reported."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def stops(self) -> bool:
        """Whether a breach stops a preview or an update."""
        return self in {Severity.CRITICAL, Severity.HIGH}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a stack. `props`: its inputs; `line`: the file and line of Python that made it, where known.

    `unknown`: paths of `props` whose value only an update tells; None stands there.
    """

    type: str
    urn: str
    name: str
    props: Value
    line: str = ""
    unknown: frozenset[tuple[str | int, ...]] = frozenset()

    @property
    def kind(self) -> str:
        """`kubernetes:apps/v1:Deployment` → `Deployment`; empty for what is not Kubernetes'."""
        return self.type.rpartition(":")[2] if self.type.startswith("kubernetes:") else ""

    def at(self, *path: str | int) -> Value:
        """The value at a path of its properties; None where there is none."""
        return at(self.props, *path)

    @property
    def namespace(self) -> Value:
        """Where a Kubernetes object stands; None outside any namespace."""
        return self.at("metadata", "namespace")


Check = Callable[[Resource], Iterator[str]]
# Breaches of a whole stack, each with the resource that it is about.
StackCheck = Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One policy. `types`: the Pulumi types, or the kinds of Kubernetes objects, that it is about.

    `frameworks`: the controls that it covers, by the name and number that their authors gave them. `check` looks at
    one resource, `stack` at all of them; one of the two. `across`: it is also asked about all stacks of an environment
    together, where these are known.
    """

    id: str
    title: str
    severity: Severity
    frameworks: tuple[str, ...]
    remediation: str
    types: frozenset[str]
    check: Check | None = None
    stack: StackCheck | None = None
    across: bool = False

    def concerns(self, type_: str) -> bool:
        """Whether a resource of this type is looked at."""
        return type_ in self.types or (type_.startswith("kubernetes:") and type_.rpartition(":")[2] in self.types)


def at(value: Value, *path: str | int) -> Value:
    """The value at a path of mappings and lists; None where the path ends before."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def items(value: Value) -> list[Value]:
    """The items of a list; none where it is no list. AWS writes one as itself or as a list of one: either is taken."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [] if value is None else [value]


def texts(value: Value) -> list[str]:
    """The texts of a list, or the one text that stands in its place."""
    return [item for item in items(value) if isinstance(item, str)]


def entries(value: Value) -> list[tuple[str, Value]]:
    """The keys and values of a mapping; none where it is no mapping."""
    return [(str(key), value[key]) for key in value] if isinstance(value, Mapping) else []
