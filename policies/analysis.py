"""The policies asked about a stack's state, or about what its program asks for, in this process.

The engine asks the pack while it works; this asks the same rules without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from groundwork.errors import ExitCode, UserError
from policies.exceptions import Exceptions
from policies.pack.rules import rules
from policies.rule import Resource, Rule, Value, at, entries, items

if TYPE_CHECKING:
    from stacks.graph import ResourceGraph

# How the engine writes a secret into a state: https://www.pulumi.com/docs/concepts/secrets/
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
HIDDEN = "[secret]"
_Said = TypeVar("_Said", str, tuple[Resource, str])
_OURS = re.compile(r"/((?:components|stacks)/[\w/]+\.py)#(\d+)")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One breach. `excepted`: an exception that has not expired covers it."""

    rule: Rule
    urn: str
    message: str
    excepted: bool


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All breaches of a graph, and how many resources some policy is about.

    `unseen`: what could not be looked at, as a value is known only after an update; never in a state.
    """

    listed: tuple[Finding, ...]
    looked_at: int
    unseen: tuple[str, ...] = ()

    @classmethod
    def of_state(cls, deployment: Mapping[str, Value], exceptions: Exceptions | None = None) -> Findings:
        """What a stack's state breaks. `deployment`: as the engine exports it."""
        return cls.of(from_state(deployment), exceptions or Exceptions.read())

    @classmethod
    def of(
        cls, resources: Sequence[Resource], exceptions: Exceptions, chosen: Sequence[Rule] | None = None
    ) -> Findings:
        """What the resources of one stack break."""
        asked = rules() if chosen is None else chosen
        shown = [_guarded(each) for each in resources]
        unseen: list[str] = []
        listed = [
            Finding(rule=rule, urn=resource.urn, message=message, excepted=exceptions.allow(rule.id, resource.urn))
            for rule in asked
            for resource, message in breaches(rule, shown, unseen)
        ]
        looked_at = sum(any(rule.concerns(each.type) for rule in asked) for each in resources)
        return cls(listed=tuple(listed), looked_at=looked_at, unseen=tuple(unseen))

    @property
    def stopping(self) -> tuple[Finding, ...]:
        """Those that stop an update: critical and high, without an exception."""
        return tuple(each for each in self.listed if each.rule.severity.stops and not each.excepted)

    def refuse(self, stack: str) -> None:
        """Raise UserError where something stops an update."""
        if not self.stopping:
            return
        raise UserError(
            what="\n".join(f"{short(each.urn)}: {each.message} [{each.rule.id}]" for each in self.stopping),
            where=f"policies on the state of {stack}",
            fix="; ".join(dict.fromkeys(each.rule.remediation for each in self.stopping)),
            code=ExitCode.FAIL,
        )


def breaches(rule: Rule, resources: Sequence[Resource], unseen: list[str]) -> Iterator[tuple[Resource, str]]:
    """What breaks one policy. What it could not look at is added to `unseen`."""
    if rule.stack is not None:
        yield from _asked(rule.stack(resources), f"{rule.id} of the stack", unseen)
    if rule.check is not None:
        for resource in resources:
            if rule.concerns(resource.type):
                said = _asked(rule.check(resource), f"{rule.id} of {short(resource.urn)}", unseen)
                yield from ((resource, message) for message in said)


def _asked(said: Iterator[_Said], what: str, unseen: list[str]) -> Iterator[_Said]:
    """What a check says, up to a value that is not known yet."""
    from pulumi_policy.proxy import UnknownValueError

    try:
        yield from said
    except UnknownValueError:
        unseen.append(what)


def _guarded(resource: Resource) -> Resource:
    """With properties that raise where a value is not known yet, as the engine's pack is given them."""
    if not resource.unknown:
        return resource
    from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

    props = dict(entries(resource.props))
    for path in resource.unknown:
        props = dict(entries(_replaced(props, path, UNKNOWN_STRING_VALUE)))
    return replace(resource, props=unknown_checking_proxy(props))


def _replaced(value: Value, path: Sequence[str | int], new: Value) -> Value:
    if not path:
        return new
    if isinstance(value, Mapping):
        return {**value, path[0]: _replaced(value[path[0]], path[1:], new)}
    return [_replaced(each, path[1:], new) if number == path[0] else each for number, each in enumerate(items(value))]


def from_program(graph: ResourceGraph) -> list[Resource]:
    """The resources that a program asks for."""
    return [
        Resource(type=each.type, urn=each.urn, name=each.name, props=dict(each.inputs), unknown=each.unknown)
        for each in graph.nodes
    ]


def from_state(deployment: Mapping[str, Value]) -> list[Resource]:
    """The resources of a state, by their inputs; what is secret is hidden."""
    found = []
    for row in items(deployment.get("resources")):
        fields = dict(entries(row))
        # What is only read was made by somebody else; what is about to be deleted is no part of the stack any more.
        if fields.get("external") or fields.get("delete"):
            continue
        urn, kind = str(fields.get("urn")), str(fields.get("type"))
        found.append(
            Resource(
                type=kind,
                urn=urn,
                name=urn.rpartition("::")[2],
                props=_open(fields.get("inputs") or {}),
                line=_line(fields.get("stackTrace")),
            )
        )
    return found


def _line(trace: Value) -> str:
    """The innermost line of our own code that was at work when a resource was declared."""
    for frame in items(trace):
        found = _OURS.search(str(at(frame, "sourcePosition")))
        if found:
            return f"{found.group(1)}:{found.group(2)}"
    return ""


def short(urn: str) -> str:
    """`urn:pulumi:local::groundwork::a$kubernetes:apps/v1:Deployment::web` → `Deployment web`."""
    parts = urn.split("::")
    return f"{parts[2].rpartition(':')[2]} {'::'.join(parts[3:])}" if len(parts) > 3 else urn


def _open(value: Value) -> Value:
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET:
            return HIDDEN
        return {str(key): _open(item) for key, item in value.items()}
    return [_open(item) for item in value] if isinstance(value, list) else value
