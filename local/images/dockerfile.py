"""What a Dockerfile takes from the build context, and which build arguments it asks for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError

BASE_ARG = "BASE"
BUILDER_ARG = "BUILDER"
_ESCAPED_END = re.compile(r"\\\s*$")
_FLAG = re.compile(r"--[a-z-]+(=\S*)?$")


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A Dockerfile as far as its inputs go.

    `args`: names of all build arguments; `sources`: paths or globs below the context that COPY and ADD name.
    """

    args: frozenset[str]
    sources: tuple[str, ...]


def parse(text: str, *, where: str) -> Dockerfile:
    """Read a Dockerfile's inputs. `where` names the file in errors.

    Raises `UserError` where the first instruction is not `ARG BASE`, and for a source whose content cannot be known
    before the build (an address, a variable, a heredoc, a path outside the context).
    """
    args: set[str] = set()
    sources: list[str] = []
    for number, line in _instructions(text):
        word, _, rest = line.partition(" ")
        place = f"{where}:{number}"
        if not args and (word.upper(), rest.strip()) != ("ARG", BASE_ARG):
            raise UserError(what=f"the first instruction is {line!r}", where=place, allowed=f"ARG {BASE_ARG}")
        if word.upper() == "ARG":
            args.update(part.partition("=")[0] for part in rest.split())
        elif word.upper() in {"COPY", "ADD"}:
            sources.extend(_copied(rest.strip(), place))
    if not args:
        raise UserError(what="no instruction in it", where=where, allowed=f"ARG {BASE_ARG}, then FROM ${{{BASE_ARG}}}")
    return Dockerfile(args=frozenset(args), sources=tuple(dict.fromkeys(sources)))


def read(file: Path, *, where: str) -> Dockerfile:
    """Parse a Dockerfile on disk."""
    try:
        return parse(file.read_text("utf-8"), where=where)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(what="no such Dockerfile", where=where) from None
    except UnicodeDecodeError as error:
        raise UserError(what=f"not UTF-8 text: {error}", where=where) from None


def _instructions(text: str) -> list[tuple[int, str]]:
    """Line numbers and instructions, with continued lines joined and comments left out."""
    found: list[tuple[int, str]] = []
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start if parts else number
        continued = _ESCAPED_END.search(line)
        parts.append(line[: continued.start()].rstrip() if continued else line)
        if continued is None:
            found.append((start, " ".join(parts)))
            parts = []
    if parts:
        found.append((start, " ".join(parts)))
    return [(number, re.sub(r"^(\S+)\s+", r"\1 ", line)) for number, line in found]


def _copied(rest: str, place: str) -> list[str]:
    """The sources of one COPY or ADD, its flags and destination left out; none when they come from another stage."""
    flags: list[str] = []
    while (head := rest.partition(" ")[0]) and _FLAG.match(head):
        flags.append(head)
        rest = rest[len(head) :].lstrip()
    if any(flag.startswith("--from=") for flag in flags):
        return []
    words = _words(rest, place)
    if len(words) < 2:
        raise UserError(what="a copy needs a source and a destination", where=place, allowed="COPY source… destination")
    for source in words[:-1]:
        _refuse_unknowable(source, place)
    return words[:-1]


def _words(rest: str, place: str) -> list[str]:
    if not rest.startswith("["):
        return rest.split()
    try:
        words = json.loads(rest)
    except json.JSONDecodeError as error:
        raise UserError(
            what=f"not a JSON list: {error}", where=place, allowed='COPY ["source", "destination"]'
        ) from None
    if not all(isinstance(word, str) for word in words):
        raise UserError(what="not a list of strings", where=place, allowed='COPY ["source", "destination"]')
    return [str(word) for word in words]


def _refuse_unknowable(source: str, place: str) -> None:
    allowed = "paths and globs below the repository's root"
    if "://" in source or source.startswith("git@"):
        raise UserError(
            what=f"{source!r} is an address: unchanged inputs could not be told", where=place, allowed=allowed
        )
    if "$" in source:
        raise UserError(what=f"{source!r} has a variable in it", where=place, allowed=allowed)
    if source.startswith("<<"):
        raise UserError(what="heredocs are not supported by the image builder", where=place, allowed=allowed)
    if ".." in Path(source).parts:
        raise UserError(what=f"{source!r} leaves the build context", where=place, allowed=allowed)
