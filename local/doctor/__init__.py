"""`groundwork doctor`: every need of this machine, and which way to have a cluster it can go. (docs/toolchain.md)"""

from __future__ import annotations

from local.doctor.capability import Capability
from local.doctor.need import Need, State
from local.paths import Paths

__all__ = ["Capability", "Need", "State", "capability"]


def capability(paths: Paths | None = None) -> Capability:
    """Look at this machine: half a second, nothing is installed, written or left behind."""
    from local.doctor import kernel, ports, programs, resources
    from local.doctor.capability import judge
    from local.toolchain import PROGRAMS
    from local.toolchain.survey import Origin, survey

    here = paths or Paths.for_user()
    found = survey(PROGRAMS, here.toolchain)
    to_build = [one.program for one in found if one.origin is Origin.MISSING]
    return judge([*kernel.needs(), *resources.needs(here, to_build), *ports.needs(here), *programs.needs(here, found)])
