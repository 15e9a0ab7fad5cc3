"""What a diagnostic tells its reader, without the words it is put in.

A plugin may say more and say it differently; it may not leave out a reason, a name, an exit code or the last line of a
log. Facts are found by shape: what stands in quotes or brackets, paths of fields, and the API server's own phrases.
"""

from __future__ import annotations

import re

from tests.conformance.normalise import text

_SHAPES = (
    re.compile(r'"([^"\n]{2,})"'),
    re.compile(r"(?<![\w])'([^'\n]{2,})'"),
    re.compile(r"\[([A-Z][A-Za-z]{3,})\]"),  # a reason, such as [ErrImageNeverPull]
    re.compile(r"(?<![\w/])(\.?[a-z]\w+(?:\[\d+\])?(?:\.[a-z]\w+(?:\[\d+\])?)+)\b(?!/)"),  # spec.ports[0].port
    re.compile(r"(exit code \d+)"),
    re.compile(r"(Invalid value: \S+?):"),
)
_PHRASES = (
    "already exists",
    "not found",
    "no matches for kind",
    "is invalid",
    "must be",
    "timed out",
    "conflict",
    "does not have minimum availability",
    "not present",
    "forbidden",
    "immutable",
    "backoff",
)
_LINK = re.compile(r"https?://\S+")
_COUNT = re.compile(r"\d+")
# Seen or not by how fast the cluster was, not by what the plugin did.
_CHANCE = re.compile(r"^(Resource scheduled for deletion|Waiting for .* to start$|Waiting for Job .*Active: \d+)")


def facts(message: str) -> set[str]:
    """The facts of a message, in lower case and without random parts."""
    plain = _LINK.sub("", message)
    # The event names its resource: repeating the URN in the text tells nothing.
    plain = text(re.sub(r'"urn:pulumi:[^"]*"', "", plain))
    found = {match.strip() for shape in _SHAPES for match in shape.findall(plain)}
    found |= {phrase for phrase in _PHRASES if phrase in plain.lower()}
    return {fact.lower() for fact in found if len(fact) > 1 and not fact.startswith("pulumi.com")}


def missing(recorded: str, got: str) -> set[str]:
    """Those facts of `recorded` that `got` does not tell."""
    told = text(got).lower()
    return {fact for fact in facts(recorded) if fact not in told}


def progress(message: str) -> str | None:
    """A progress line without its numbers; None for one that a run shows or not by chance."""
    line = text(message).strip()
    return None if _CHANCE.search(line) else _COUNT.sub("#", line)
