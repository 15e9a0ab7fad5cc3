"""Images in registries: which digest a tag has there, and copies by digest. The work is skopeo's.

How a registry is reached (mirrors, plain HTTP on this machine) stands in containers-registries.conf(5).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import UserError
from local.images.process import Outcome, failed

_ABSENT = ("manifest unknown", "name unknown", "not found")


@dataclass(frozen=True, kw_only=True)
class Registries:
    """`authfile`: with credentials, as `skopeo login` writes it; without, the user's own is looked for."""

    authfile: Path | None = None

    def digest(self, reference: str) -> str | None:
        """Of what a reference, by tag or digest, is there: of the list of all platforms where there is one.

        None where the registry has none such. Raises UserError where it does not answer.
        """
        seen = self._skopeo("inspect", "--raw", f"docker://{reference}")
        if seen.returncode == 0:
            return f"sha256:{hashlib.sha256(seen.stdout).hexdigest()}"  # of the very bytes, line ends and all
        told = _told(seen)
        if any(word in told.errors for word in _ABSENT):
            return None
        raise failed(f"{reference}: no digest from its registry", told, fix="look at its name and at your credentials")

    def manifests(self, reference: str) -> list[str]:
        """The digests of an image's platforms: its own where it is of one. `reference`: by digest. Raises UserError."""
        seen = self._skopeo("inspect", "--raw", f"docker://{reference}")
        if seen.returncode:
            raise failed(f"{reference}: no manifest from its registry", _told(seen))
        rows = json.loads(seen.stdout).get("manifests")
        # What builders put beside platforms says of itself that it is of none.
        return (
            [row["digest"] for row in rows if row.get("platform", {}).get("os") != "unknown"]
            if rows is not None
            else [reference.rpartition("@")[2]]
        )

    def copy(self, source: str, target: str, digest: str) -> bool:
        """Have an image at `target` (repository:tag) that has this digest. `source`: as skopeo names it.

        False where it was there. Raises UserError: it cannot be copied, or another image has the tag.
        """
        there = self.digest(target)
        if there == digest:
            return False
        if there is not None:
            raise UserError(what=f"another image has this name, {there}", where=target, allowed=digest, fix="delete it")
        done = self._skopeo("copy", "--all", "--preserve-digests", source, f"docker://{target}")
        if done.returncode:
            raise failed(f"{target}: not copied", _told(done), where=source)
        there = self.digest(target)
        if there != digest:
            raise UserError(what=f"copied, but {there} has come of it", where=target, allowed=digest)
        return True

    def _skopeo(self, verb: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        where = [] if self.authfile is None else [f"--authfile={self.authfile}"]
        command = ["skopeo", verb, *where, *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _told(done: subprocess.CompletedProcess[bytes]) -> Outcome:
    return Outcome(code=done.returncode, output="", errors=done.stderr.decode(errors="replace"))
