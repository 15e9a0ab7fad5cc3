"""A root as they were made before OpenBao was to stand below it."""

from __future__ import annotations

import datetime as dt

import pytest

from local.authority import certificates
from local.authority.certificates import Authority, new_root


def old_root(now: dt.datetime) -> Authority:
    """Path length 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "ROOT_PATH_LENGTH", 1)
        return new_root(now)
