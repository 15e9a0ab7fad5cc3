"""YAML read strictly into pydantic models: every problem at once, each with its line, what is allowed and the fix.

The runtime image carries this file: it imports pydantic and yaml only.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

MAX_BYTES = 512 * 1024
TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {"null", "bool", "int", "float", "str", "timestamp", "value", "map", "seq"}
Part = int | str
Schema = dict[str, JsonValue]


class StrictModel(BaseModel):
    """What is read from a document: never changed afterwards, camelCase in the file, no key that is not declared."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, allow_inf_nan=False, serialize_by_alias=True
    )


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to mend. `where` is file:line:column."""

    what: str
    where: str
    allowed: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        rows = [f"{self.where}: {self.what}"]
        if self.allowed is not None:
            rows.append(f"  allowed: {self.allowed}")
        if self.fix is not None:
            rows.append(f"  fix: {self.fix}")
        return "\n".join(rows)


class DocumentError(Exception):
    """A document that cannot be used, with everything that is wrong with it (at least one problem)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def closest(word: str, known: Iterable[str]) -> str | None:
    """ "did you mean …?" for a word that is nearly one of those known."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else None


def read_text(path: Path, source: str) -> str:
    """The file's text; DocumentError where there is none, it is too long (512 KiB) or not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DocumentError([Problem(what=f"cannot be read: {error.strerror}", where=source)]) from error
    if len(content) > MAX_BYTES:
        raise DocumentError([Problem(what="is too long", where=source, allowed=f"at most {MAX_BYTES // 1024} KiB")])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError([Problem(what=f"is not UTF-8 text (byte {error.start})", where=source)]) from error


def read_document(model: type[Model], text: str, source: str) -> Model:
    """The one YAML document in `text` as `model`. `source` is the file's name for messages. Raises DocumentError."""
    root = compose(text, source)
    reader = Reader(source)
    return validate(model, reader.value(root), root, source, reader.problems)


def validate(model: type[Model], data: JsonValue, root: yaml.Node, source: str, known: Sequence[Problem] = ()) -> Model:
    """`data` as `model`. Raises DocumentError with the problems `known` already and the model's, placed by `root`."""
    try:
        result = model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        found = [_problem(model, root, source, details) for details in error.errors(include_url=False)]
        raise DocumentError(sorted([*known, *found], key=_position)) from None
    if known:
        raise DocumentError(known)
    return result


def compose(text: str, source: str) -> yaml.Node:
    """The tree of the one YAML document in `text`. Raises DocumentError."""
    documents = compose_all(text, source)
    if len(documents) > 1:
        where = _where(source, documents[1].start_mark)
        raise DocumentError([Problem(what="a second document begins here", where=where, allowed="one document a file")])
    return documents[0]


def compose_all(text: str, source: str) -> list[yaml.Node]:
    """The trees of all YAML documents in `text`, at least one. Raises DocumentError."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = _where(source, mark) if mark else source
        raise DocumentError([Problem(what=f"is not YAML: {error.problem}", where=where)]) from None
    except yaml.YAMLError as error:
        raise DocumentError([Problem(what=f"is not YAML: {error}", where=source)]) from None
    except RecursionError:
        raise DocumentError([Problem(what="is nested too deeply", where=source)]) from None
    if not documents or documents[0] is None:
        raise DocumentError([Problem(what="is empty", where=source)])
    return documents


def place(root: yaml.Node, path: Sequence[Part], source: str) -> str:
    """file:line:column of the key that `path` names, or of the nearest above it that is there."""
    return _where(source, _find(root, path)[0].start_mark)


class Reader:
    """Turns YAML nodes into JSON values by YAML 1.2's rules (`yes` and `12:30` are text), noting what is refused."""

    def __init__(self, source: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._seen: set[int] = set()

    def value(self, node: yaml.Node) -> JsonValue:
        """The node's value; aliases, tags, merge keys and duplicate keys are noted as problems."""
        if id(node) in self._seen:
            self._refuse(node, "an alias (*name) is not allowed", "write the value out")
            return None
        self._seen.add(id(node))
        if node.tag.removeprefix(TAG) not in PLAIN_TAGS:
            self._refuse(node, f"the tag {node.tag} is not allowed", "write a plain value")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode) -> JsonValue:
        result: dict[str, JsonValue] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                self._refuse(key, "a key must be plain text", None)
            elif key.value in result:
                self._refuse(key, f"{key.value}: the key stands twice", "keep one of them")
            else:
                result[key.value] = self.value(item)
        return result

    def _scalar(self, node: yaml.Node) -> JsonValue:
        text = str(node.value)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # half of a pair, written as \ud800
            self._refuse(node, "has a character that is none", "write it as itself, in UTF-8")
            return ""
        match node.tag.removeprefix(TAG):
            case "null":
                return None
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "int" | "float":
                return _number(text)
        return text

    def _refuse(self, node: yaml.Node, what: str, fix: str | None) -> None:
        self.problems.append(Problem(what=what, where=_where(self._source, node.start_mark), fix=fix))


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def _problem(model: type[BaseModel], root: yaml.Node, source: str, details: ErrorDetails) -> Problem:
    """One of pydantic's errors, said for the person who wrote the file. Never repeats text that may be a secret."""
    context = details.get("ctx", {})
    loc = details["loc"]
    node, path = _find(root, loc)
    what, allowed, fix = details["msg"], context.get("allowed"), context.get("fix")
    match details["type"]:
        case "extra_forbidden":
            known, path = _keys_at(model, loc[:-1]), _ending(path, loc)
            what, allowed, fix = "unknown key", ", ".join(sorted(known)) or "nothing here", closest(str(loc[-1]), known)
        case "missing":
            what, path = "is missing", _join(path, loc[-1])
        case "union_tag_not_found":
            what, path = "is missing", _join(path, str(context["discriminator"]).strip("'"))
        case "union_tag_invalid":
            path = _join(path, str(context["discriminator"]).strip("'"))
            what, allowed = f"{context['tag']} is unknown", str(context["expected_tags"]).replace("'", "")
            fix = closest(str(context["tag"]), allowed.split(", "))
        case "literal_error":
            allowed = str(context["expected"]).replace("'", "")
            what, fix = f"{details['input']!r} is unknown", closest(str(details["input"]), allowed.split(" or "))
        case "refused":
            path = _ending(path, loc)
        case _:
            what = what.replace("Input should be", "must be").replace("a valid string", "text")
            if isinstance(details["input"], int | float):
                what += f", not {json.dumps(details['input'])}"
    what = f"{path}: {what}" if path else what
    return Problem(what=what, where=_where(source, node.start_mark), allowed=allowed, fix=fix)


def _find(root: yaml.Node, loc: Sequence[Part]) -> tuple[yaml.Node, str]:
    """The deepest key (or item of a list) that `loc` names, and its path; parts that pydantic adds are passed over."""
    node, mark, path = root, root, ""
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            for key, item in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                    node, mark, path = item, key, _join(path, part)
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = mark = node.value[part]
            path = _join(path, part)
    return mark, path


def _join(path: str, part: Part) -> str:
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def _ending(path: str, loc: Sequence[Part]) -> str:
    """The path with the last part of `loc`, also where the document does not have it."""
    if not loc or loc[-1] == "[key]" or path.endswith(_join("", loc[-1])):
        return path
    return _join(path, loc[-1])


def _keys_at(model: type[BaseModel], loc: Sequence[Part]) -> list[str]:
    """The keys that may stand at `loc`, read off the model's JSON Schema."""
    root: Schema = model.model_json_schema()
    definitions = _within(root, "$defs")

    def resolved(schema: Schema) -> Schema:
        options = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(options, list) and "discriminator" not in schema:  # X | None, text | reference
            schema = next((option for option in options if isinstance(option, dict) and "$ref" in option), schema)
        reference = schema.get("$ref")
        return _within(definitions, reference.rpartition("/")[2]) if isinstance(reference, str) else schema

    here = resolved(root)
    for part in loc:
        mapping = _within(_within(here, "discriminator"), "mapping")
        if part in mapping:
            here = resolved({"$ref": mapping[str(part)]})
            continue
        inner = _within(here, "items" if isinstance(part, int) else "additionalProperties")
        here = resolved(_within(_within(here, "properties"), str(part)) or inner or here)
    return list(_within(here, "properties"))


def _within(schema: Schema, key: str) -> Schema:
    inner = schema.get(key)
    return inner if isinstance(inner, dict) else {}


def _where(source: str, mark: yaml.Mark) -> str:
    return f"{source}:{mark.line + 1}:{mark.column + 1}"


def _position(problem: Problem) -> tuple[int, int]:
    line, column = problem.where.rsplit(":", 2)[1:]
    return int(line), int(column)
