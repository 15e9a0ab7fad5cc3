"""The annotation `pulumi.com/waitFor`: wait for a JSONPath to match, for a status condition, or for several of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from local.plugin.errors import PluginError
from local.plugin.values import Json, Object

Judge = Callable[[Object], tuple[bool, str]]

_STEP: Final = re.compile(
    r"""\.(?P<key>[^.\[\]]+)                  # .key or .*
    |\[(?P<index>-?\d+|\*)\]                   # [0] or [*]
    |\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]   # ['a.b/c']
    |\[\?\(@\.(?P<field>[\w.-]+)\s*==\s*(?P<mark>['"])(?P<wanted>.*?)(?P=mark)\)\]   # [?(@.type=="Ready")]
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class PathCondition:
    """`{.path}` must exist; with a value, its first match must be equal to it."""

    path: str
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> PathCondition:
        """From `jsonpath={.path}` or `jsonpath={.path}=value`. Raises `PluginError` for anything else."""
        raw = text.removeprefix("jsonpath=")
        if raw.startswith("'"):
            raise PluginError(f"{raw} should omit shell quotes")
        match = re.fullmatch(r"(\{.*?\})(?:=(.*))?", raw, re.DOTALL)
        if match is None:
            raise PluginError(f"{raw} should be wrapped in brackets {{ ... }}")
        path, value = match[1], match[2]
        if value == "":
            raise PluginError(f"{path}= requires a value")
        if value and (value.startswith("{") or "=" in value):
            raise PluginError(f"format should be {{.path}}=value or {{.path}}, got {raw!r}")
        parsed = cls(path, value or "")
        parsed._steps()
        return parsed

    def _steps(self) -> list[re.Match[str]]:
        inner = self.path[1:-1].strip().removeprefix("$")
        inner = inner if inner.startswith((".", "[")) else f".{inner}"
        inner = inner.replace("\\.", "\0")
        steps: list[re.Match[str]] = []
        at = 0
        while at < len(inner):
            match = _STEP.match(inner, at)
            if match is None:
                raise PluginError(f'parsing "{self.path}": unexpected {inner[at:]!r}')
            steps.append(match)
            at = match.end()
        return steps

    def select(self, obj: Object) -> list[Json]:
        """Every value that the path points at."""
        found: list[Json] = [obj]
        for step in self._steps():
            found = [child for value in found for child in _advance(value, step.groupdict())]
        return found

    def judge(self, obj: Object) -> tuple[bool, str]:
        """Whether the object matches, and what is missing."""
        shown = f"{self.path}={self.value}" if self.value else self.path
        found = self.select(obj)
        if not found:
            return False, f"{self.path} selected nothing"
        if isinstance(found[0], list | dict):
            if self.value:
                raise PluginError(f'"{self.path}" has a non-primitive value ({json.dumps(found[0])})')
            return True, f"Found {shown}"
        text = found[0] if isinstance(found[0], str) else json.dumps(found[0])
        if not self.value or text == self.value:
            return True, f"Found {shown}"
        return False, f'Waiting for {shown} (found "{text}")'


def _advance(value: Json, step: dict[str, str | None]) -> list[Json]:
    key = (step.get("key") or "").replace("\0", ".") or step.get("quoted")
    index, field = step.get("index"), step.get("field")
    if "*" in (key, index):
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    if field:
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        return [row for row in rows if str(row.get(field)) == step.get("wanted")]
    if index is not None:
        position = int(index)
        return [value[position]] if isinstance(value, list) and -len(value) <= position < len(value) else []
    return [value[key]] if isinstance(value, dict) and key in value else []


def _condition_judge(text: str) -> Judge:
    kind, _, status = text.removeprefix("condition=").partition("=")
    status = status or "True"

    def judge(obj: Object) -> tuple[bool, str]:
        conditions = (obj.get("status") or {}).get("conditions") or []
        found = next((entry for entry in conditions if str(entry.get("type")).lower() == kind.lower()), None)
        if found is None:
            return False, f'Waiting for condition "{kind}" to be "{status}"'
        if found.get("status") == status:
            return True, f'Condition "{kind}" is "{status}"'
        details = ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))
        have = f'(have "{found.get("status")}"{f", {details}" if details else ""})'
        return False, f'Waiting for condition "{kind}" to be "{status}" {have}'

    return judge


def parse_wait_for(text: str) -> Judge:
    """The annotation's value: one expression, or a JSON list of them, all of which must hold. Raises `PluginError`."""
    try:
        loaded = json.loads(text)
    except ValueError:
        loaded = text
    expressions = loaded if isinstance(loaded, list) else [text]
    if not expressions:
        raise PluginError("at least one condition must be specified")
    judges: list[Judge] = []
    for expression in expressions:
        if str(expression).startswith("jsonpath="):
            judges.append(PathCondition.parse(expression).judge)
        elif str(expression).startswith("condition="):
            judges.append(_condition_judge(expression))
        else:
            raise PluginError(f'expected a "jsonpath=" or "condition=" prefix, got "{expression}"')

    def judge(obj: Object) -> tuple[bool, str]:
        results = [one(obj) for one in judges]
        return all(done for done, _ in results), next((text for done, text in results if not done), results[-1][1])

    return judge
