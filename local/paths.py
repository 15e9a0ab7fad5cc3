"""Where this project keeps things on a machine, by the XDG base directory rules."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The folders of one user. `cache` can be thrown away at any time; `data` holds state that cannot be made again."""

    cache: Path
    data: Path

    @classmethod
    def for_user(cls) -> Paths:
        """`$XDG_CACHE_HOME/groundwork` and `$XDG_DATA_HOME/groundwork`; `GROUNDWORK_HOME` moves the data folder."""
        home = os.environ.get("GROUNDWORK_HOME")
        return cls(
            cache=_xdg("XDG_CACHE_HOME", ".cache") / "groundwork",
            data=Path(home).resolve() if home else _xdg("XDG_DATA_HOME", ".local/share") / "groundwork",
        )

    @property
    def toolchain(self) -> Path:
        """Programs that were built here, one folder per set of pins."""
        return self.cache / "toolchain"

    @property
    def images(self) -> Path:
        """The image store of buildah, the base and the built archives."""
        return self.cache / "images"

    @property
    def image_digests(self) -> Path:
        """JSON object: image name → reference by digest, for the images that were built here."""
        return self.data / "images.json"

    @property
    def kubeconfig(self) -> Path:
        """The local cluster's administrator; mode 0600."""
        return self.data / "kubeconfig"

    @property
    def pulumi_state(self) -> Path:
        """The `file://` backend."""
        return self.data / "state"

    @property
    def openbao(self) -> Path:
        """OpenBao's authority, shares and snapshots."""
        return self.data / "openbao"

    @property
    def openbao_authority(self) -> Path:
        """The certificate that signs OpenBao's, PEM."""
        return self.openbao / "ca.crt"

    @property
    def volumes(self) -> Path:
        """What servers on the local node keep."""
        return self.data / "volumes"

    @property
    def passphrase(self) -> Path:
        """What the stack's secrets are encrypted with; made once, mode 0600."""
        return self.data / "passphrase"
