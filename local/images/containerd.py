"""Images in the node's containerd: loaded once, found by the kubelet by their digest, old ones taken away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.images import process
from local.images.archive import REPOSITORY, Archive, reference

SOCKET = Path("/run/groundwork/containerd/containerd.sock")
NAMESPACE = "k8s.io"
KEPT = 2  # superseded images of one name that stay though nothing runs on them: a roll back finds them
# The kubelet frees disk space by deleting images; these could not be pulled again.
_PINNED = "io.cri-containerd.pinned=pinned"
_MANAGED = 'labels."io.cri-containerd.image"==managed'
_IMPORTED = "groundwork.dev/imported"
_DEADLINE = 30.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Row:
    """An image record. `digest`: of its manifest; `imported`: Unix seconds, 0 where it was not imported by us."""

    name: str
    digest: str
    imported: int


@dataclass(frozen=True, kw_only=True)
class Containerd:
    """The node's container runtime, by its own client. `ctr`: the program."""

    ctr: Path
    socket: Path = SOCKET

    def answers(self) -> bool:
        """Whether a containerd is running there. A socket that a dead one left behind does not count."""
        return self.socket.is_socket() and self._ctr("version").code == 0

    def has(self, name: str, digest: str) -> bool:
        """Whether the kubelet would find this image without pulling it."""
        return (
            self._must(name, "images", "list", "--quiet", f"name=={reference(name, digest)},{_MANAGED}").strip() != ""
        )

    def load(self, name: str, archive: Archive) -> None:
        """Import an image under its reference by digest, and wait until the kubelet would find it."""
        words = ["images", "import", "--local", "--digests", "--base-name", f"{REPOSITORY}/{name}", "--label", _PINNED]
        self._must(name, *words, "--label", f"{_IMPORTED}={int(time.time())}", str(archive.file))
        if not wait_until(lambda: self.has(name, archive.digest), _DEADLINE):
            raise UserError(
                what=f"containerd loaded image {name}, but its CRI plugin does not list it",
                where=str(self.socket),
                fix="see containerd's log; the plugin io.containerd.cri.v1.images must be on",
                code=ExitCode.ERROR,
            )

    def prune(self, name: str, current: str) -> list[str]:
        """Remove superseded images of `name`, and give their digests.

        Those stay: the `current` digest, the `KEPT` that were imported last besides it, and all that a container has.
        """
        listed = rows(self._must(name, "images", "list").splitlines())
        running = set(self._must(name, "containers", "list").split())
        used = {row.digest for row in listed if row.name in running}
        ours = [row for row in listed if row.name.startswith(f"{REPOSITORY}/{name}@") and row.digest != current]
        gone = [digest for digest in superseded(ours, KEPT) if digest not in used]
        # The CRI plugin keeps a second record of each image, named by its configuration's digest.
        names = [
            row.name
            for row in listed
            if row.digest in gone and row.name.startswith((f"{REPOSITORY}/{name}@", "sha256:"))
        ]
        if names:
            self._must(name, "images", "remove", *names)
        return gone

    def _ctr(self, *words: str) -> process.Outcome:
        command = [str(self.ctr), "--address", str(self.socket), "--namespace", NAMESPACE, "--connect-timeout", "5s"]
        return process.ask([*command, *words])

    def _must(self, name: str, *words: str) -> str:
        outcome = self._ctr(*words)
        if outcome.code != 0:
            raise process.failed(f"containerd refused `{' '.join(words[:2])}` for image {name}", outcome)
        return outcome.output


def rows(table: Sequence[str]) -> list[Row]:
    """Read the table of `ctr images list`: reference, type, digest, size, platforms, labels."""
    found = []
    for line in table:
        cells = line.split()
        if len(cells) < 4 or not cells[2].startswith("sha256:"):
            continue
        labels = dict(part.partition("=")[::2] for part in cells[-1].split(","))
        stamp = labels.get(_IMPORTED, "")
        found.append(Row(name=cells[0], digest=cells[2], imported=int(stamp) if stamp.isdigit() else 0))
    return found


def superseded(images: Sequence[Row], kept: int) -> list[str]:
    """Digests of all but the `kept` that were imported last, oldest first."""
    ordered = sorted(images, key=lambda row: (row.imported, row.digest))
    return [row.digest for row in ordered[: max(0, len(ordered) - kept)]]
