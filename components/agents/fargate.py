"""What a Fargate task may be large.  (docs/ecs.md)

Source: Amazon ECS developer guide, "Amazon ECS task definition parameters for Fargate", task CPU and memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from groundwork.errors import UserError

MIB = 2**20
# CPU units (1024 are a core) → the amounts of memory that go with them, MiB.
SIZES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        256: (512, 1024, 2048),
        512: tuple(range(1024, 4096 + 1, 1024)),
        1024: tuple(range(2048, 8192 + 1, 1024)),
        2048: tuple(range(4096, 16384 + 1, 1024)),
        4096: tuple(range(8192, 30720 + 1, 1024)),
        8192: tuple(range(16384, 61440 + 1, 4096)),
        16384: tuple(range(32768, 122880 + 1, 8192)),
    }
)


@dataclass(frozen=True, order=True)
class TaskSize:
    """`cpu`: CPU units; `memory`: MiB."""

    cpu: int
    memory: int


def task_size(milli_cpu: int, memory: int) -> TaskSize:
    """The smallest size that holds `milli_cpu` thousandths of a core and `memory` bytes. Raises UserError."""
    cpu, mib = -(-milli_cpu * 1024 // 1000), -(-memory // MIB)
    fitting = [
        TaskSize(size, amount) for size, amounts in SIZES.items() if size >= cpu for amount in amounts if amount >= mib
    ]
    if not fitting:
        raise UserError(
            what=f"resources: no Fargate task holds {milli_cpu}m CPU and {mib} MiB, the sidecars' counted in",
            allowed="at most 16 cores and 120 GiB",
            fix="lower spec.resources.limits",
        )
    return min(fitting)
