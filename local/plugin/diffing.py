"""What changed between two sets of properties, and where: paths as the engine writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from local.plugin.values import Json, Object, Unknown

Path: TypeAlias = tuple[str | int, ...]


class Change(Enum):
    """How one property changed."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Difference:
    """One changed property; `replaces` if it makes a new object necessary."""

    path: Path
    change: Change
    replaces: bool = False

    @property
    def text(self) -> str:
        """The path as the engine writes it: `spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
        return path_text(self.path)


def path_text(path: Sequence[str | int]) -> str:
    """A property path in the engine's notation."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(mark in part for mark in '."[]'):
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{part}" if text else part
    return text


def parse_path(text: str) -> Path:
    """A property path out of the engine's notation. Raises `ValueError` for an unfinished one."""
    path: list[str | int] = []
    index = 0
    while index < len(text):
        if text[index] == ".":
            index += 1
        elif text[index] == "[":
            part, index = _parse_bracket(text, index + 1)
            path.append(part)
        else:
            end = min((at for at in (text.find(".", index), text.find("[", index)) if at >= 0), default=len(text))
            path.append(text[index:end])
            index = end
    return tuple(path)


def _parse_bracket(text: str, index: int) -> tuple[str | int, int]:
    if text[index : index + 1] == '"':
        end = index + 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        if text[end : end + 2] != '"]':
            raise ValueError(f"the path {text!r} has an unfinished quotation")
        return text[index + 1 : end].replace('\\"', '"'), end + 2
    end = text.find("]", index)
    if end < 0:
        raise ValueError(f"the path {text!r} has an unfinished bracket")
    inner = text[index:end]
    return (int(inner) if inner.isdigit() else inner), end + 1


def covers(outer: Path, inner: Path) -> bool:
    """Whether `inner` is at or below `outer`; `*` in `outer` stands for anything."""
    return len(outer) <= len(inner) and all(a in ("*", b) for a, b in zip(outer, inner, strict=False))


def walk(path: Path, old: Json, new: Json) -> Iterator[tuple[Path, Change, Json]]:
    """Every changed property below `path`, how it changed, and its new value."""
    if isinstance(new, Unknown):
        yield path, Change.UPDATE, None
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _walk_object(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_list(path, old, new)
    elif not _same(old, new):
        yield path, Change.UPDATE, new


def _same(old: Json, new: Json) -> bool:
    return isinstance(old, bool) == isinstance(new, bool) and bool(old == new)


def _walk_object(path: Path, old: Object, new: Object) -> Iterator[tuple[Path, Change, Json]]:
    for key, value in new.items():
        if key in old and old[key] is not None:
            yield from walk((*path, key), old[key], value)
        elif value is not None:
            yield (*path, key), Change.ADD, value
    for key in old:
        if key not in new:
            yield (*path, key), Change.DELETE, None


def _walk_list(path: Path, old: list[Json], new: list[Json]) -> Iterator[tuple[Path, Change, Json]]:
    for index in range(max(len(old), len(new))):
        if index >= len(new):
            yield (*path, index), Change.DELETE, None
        elif index >= len(old):
            yield (*path, index), Change.ADD, new[index]
        else:
            yield from walk((*path, index), old[index], new[index])
