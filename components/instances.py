"""The instance types that an environment may name, with their sizes.

Source: EC2's DescribeInstanceTypes, as moto 5.2.5 carries it (`moto/ec2/resources/instance_types.json.gz`). One list
for nodes, databases and caches, so that an unknown type is refused before anything is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Architecture = Literal["arm64", "x86_64"]


@dataclass(frozen=True)
class InstanceType:
    """A machine. `memory`: GiB."""

    cpu: int
    memory: int
    architecture: Architecture


# Series → GiB of memory for each vCPU. The sizes are the same in all of them.
_GRAVITON = {"m7g": 4, "c7g": 2, "r7g": 8}
_INTEL = {"m7i": 4, "c7i": 2, "r7i": 8}
_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
_BURSTABLE = {"medium": (2, 4), "large": (2, 8), "xlarge": (4, 16)}


def _types() -> dict[str, InstanceType]:
    found: dict[str, InstanceType] = {}
    families: tuple[tuple[dict[str, int], Architecture], ...] = ((_GRAVITON, "arm64"), (_INTEL, "x86_64"))
    for series, architecture in families:
        for family, ratio in series.items():
            for size, cpu in _SIZES.items():
                found[f"{family}.{size}"] = InstanceType(cpu, cpu * ratio, architecture)
    burstable: tuple[tuple[str, Architecture], ...] = (("t4g", "arm64"), ("t3", "x86_64"))
    for family, architecture in burstable:
        for size, (cpu, memory) in _BURSTABLE.items():
            found[f"{family}.{size}"] = InstanceType(cpu, memory, architecture)
    return found


INSTANCE_TYPES: Mapping[str, InstanceType] = MappingProxyType(_types())
# Families that RDS for PostgreSQL 16 and ElastiCache have too, under `db.` and `cache.`.
_DATA_FAMILIES = ("m7g", "r7g", "t4g")
DATABASE_CLASSES = tuple(f"db.{name}" for name in INSTANCE_TYPES if name.split(".", maxsplit=1)[0] in _DATA_FAMILIES)
# ElastiCache has only these two of the burstable ones.
CACHE_TYPES = (
    "cache.t4g.small",
    "cache.t4g.medium",
    *(f"cache.{name}" for name in INSTANCE_TYPES if name.startswith(("m7g", "r7g"))),
)
