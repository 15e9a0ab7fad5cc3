"""checkov's own Python environment, in the cache: its 290 MB and its pins are nobody else's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from groundwork.errors import ExitCode, UserError

LOCK = Path(__file__).parent / "requirements.lock"


def ensure(cache: Path) -> Path:
    """The checkov program, installed from its lock file if it is not there yet. Raises UserError."""
    folder = cache / "checkov" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    program = folder / "bin" / "checkov"
    done = folder / "complete"
    if done.exists():
        return program
    shutil.rmtree(folder, ignore_errors=True)  # a killed install is begun again
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "pip"), "install", "-q", "--require-hashes", "-r", str(LOCK)])
    done.touch()
    return program


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise UserError(
            what=ended.stderr.strip()[-2000:] or f"{command[0]} ended with {ended.returncode}",
            where="installing checkov",
            fix="check that the package index can be reached, then run it again",
            code=ExitCode.ERROR,
        )
