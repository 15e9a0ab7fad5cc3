"""Versions as programs print them, and which of them fit a pin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Self

# "v1.36.3", "go1.26", "CoreDNS-1.15.0", "1.6.20~ds1"; not the "v2" of a module's path, nor a part of a longer number.
_VERSION = re.compile(
    r"(?<![\w.])(?:v|go)?(?P<major>\d+)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?(?![\d.]*\d)(?P<early>[-~.]?(?:alpha|beta|rc|dev))?"
)


@dataclass(frozen=True, order=True)
class Version:
    """Three numbers; `final` is False for alpha, beta and rc, which come before the final version."""

    major: int
    minor: int
    patch: int = 0
    final: bool = True

    @classmethod
    def find(cls, text: str) -> Self | None:
        """The first version that stands in a text, or None. What follows the numbers (+k3s1, -eks-1) is left out."""
        hit = _VERSION.search(text)
        if hit is None:
            return None
        return cls(int(hit["major"]), int(hit["minor"]), int(hit["patch"] or 0), hit["early"] is None)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + ("" if self.final else " (pre-release)")


class Fit(Enum):
    """Which versions of a program serve in place of the pinned one. No pre-release does."""

    SAME_MINOR = "the pin's minor version"
    MINOR_SKEW = "at most one minor version from the pin"
    SAME_MAJOR = "the pin's major version"


@dataclass(frozen=True)
class Range:
    """The versions that fit `pin`; `at_least` raises or lowers the range's start within the same major version."""

    pin: Version
    fit: Fit
    at_least: Version | None = None

    def __contains__(self, seen: Version) -> bool:
        if not seen.final or seen.major != self.pin.major:
            return False
        if self.at_least is not None and seen < self.at_least:
            return False
        distance = abs(seen.minor - self.pin.minor)
        return {Fit.SAME_MINOR: distance == 0, Fit.MINOR_SKEW: distance <= 1, Fit.SAME_MAJOR: True}[self.fit]

    def __str__(self) -> str:
        major, minor = self.pin.major, self.pin.minor
        least = "" if self.at_least is None else f", {self.at_least} or newer"
        match self.fit:
            case Fit.SAME_MINOR:
                return f"{major}.{minor}.x{least}"
            case Fit.MINOR_SKEW:
                return f"{major}.{max(minor - 1, 0)}.x to {major}.{minor + 1}.x{least}"
            case Fit.SAME_MAJOR:
                return f"{major}.x{least}"
