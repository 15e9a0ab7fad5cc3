"""Whether the service takes work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class State:
    """`draining`: a shutdown has begun; the service still answers, but no new traffic should be sent to it."""

    draining: bool = False
