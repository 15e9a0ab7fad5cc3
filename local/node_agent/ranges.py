"""Sets of whole numbers as sorted, disjoint ranges: addresses of `ipBlock`s and ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Range = tuple[int, int]  # both ends are in it


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same numbers in as few ranges as possible, in order."""
    result: list[Range] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def without(ranges: Iterable[Range], removed: Iterable[Range]) -> tuple[Range, ...]:
    """The numbers that are in `ranges` and not in `removed`."""
    left = list(merged(ranges))
    for first, last in merged(removed):
        cut: list[Range] = []
        for start, end in left:
            if last < start or end < first:
                cut.append((start, end))
                continue
            if start < first:
                cut.append((start, first - 1))
            if last < end:
                cut.append((last + 1, end))
        left = cut
    return tuple(left)


def addresses(cidr: str) -> Range | None:
    """The IPv4 addresses of a network; None for IPv6, which pods of this node do not have. ValueError for neither."""
    network = ipaddress.ip_network(cidr, strict=False)
    return (int(network[0]), int(network[-1])) if network.version == 4 else None
