"""What stands beside a copy of an image: a signature, and a signed list of its parts. The work is cosign's and syft's.

By a key, with no transparency log: nothing outside of the registry is asked.  (docs/images.md)
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from groundwork.errors import UserError
from local.images.process import Outcome, failed
from local.images.registries import Registries

PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the name of a variable
TYPE = "cyclonedx"
# The form whose signatures are tags beside the image, which every registry keeps; and no log.
_OFFLINE = ("--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false")
_ASKED = ("--insecure-ignore-tlog=true", "--new-bundle-format=false")


@dataclass(frozen=True, kw_only=True)
class Attesting:
    """`key`: cosign's private key, with its public one beside it, `.pub`; `registries`: how they are reached."""

    syft: Path
    cosign: Path
    key: Path
    registries: Registries

    def __post_init__(self) -> None:
        for file in (self.key, self._public):
            if not file.is_file():
                raise UserError(what="there is no key to sign with", where=str(file), fix="cosign generate-key-pair")
        if PASSWORD not in os.environ:
            raise UserError(what=f"{PASSWORD} is not set", fix="set it to the key's password, which may be empty")

    @property
    def _public(self) -> Path:
        return self.key.with_suffix(".pub")

    def attest(self, reference: str) -> bool:
        """Have a copy signed, and each of its platforms with a list of its parts; False where all is there.

        What is verified already stays as it is, as registries may keep tags for ever. `reference`: by digest.
        Raises UserError: it cannot be made, or is not verified afterwards.
        """
        made = self._have("verify", reference, partial(self._cosign, "sign", *_OFFLINE, "--yes", reference))
        repository = reference.partition("@")[0]
        for digest in self.registries.manifests(reference):
            platform = f"{repository}@{digest}"
            made |= self._have("verify-attestation", platform, partial(self._list, platform))
        return made

    def _have(self, verb: str, reference: str, make: Callable[[], Outcome]) -> bool:
        if self._verified(verb, reference).code == 0:
            return False
        done = make()
        if done.code:
            raise failed(f"{reference}: not signed", done, where=str(self.key))
        checked = self._verified(verb, reference)
        if checked.code:
            raise failed(f"{reference}: signed, but not verified", checked, where=str(self._public))
        return True

    def _verified(self, verb: str, reference: str) -> Outcome:
        kind = ("--type", TYPE) if verb == "verify-attestation" else ()
        return self._cosign(verb, *_ASKED, *kind, reference, key=self._public)

    def _list(self, reference: str) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sbom.json"
            done = self._run(self.syft, "scan", f"registry:{reference}", "-o", f"cyclonedx-json={file}", "-q")
            if done.code:
                raise failed(f"{reference}: its parts cannot be listed", done)
            return self._cosign("attest", *_OFFLINE, "--yes", "--type", TYPE, "--predicate", str(file), reference)

    def _cosign(self, verb: str, *words: str, key: Path | None = None) -> Outcome:
        plain = ("--allow-http-registry",) if _is_here(words[-1]) else ()
        return self._run(self.cosign, verb, "--key", str(key or self.key), *plain, *words)

    def _run(self, program: Path, *words: str) -> Outcome:
        environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
        if any(_is_here(word) for word in words):
            environment["SYFT_REGISTRY_INSECURE_USE_HTTP"] = "true"
        if self.registries.authfile is not None:
            environment["DOCKER_CONFIG"] = str(self.registries.authfile.parent)
        done = subprocess.run(
            [program, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        return Outcome(code=done.returncode, output="", errors=done.stderr.decode(errors="replace"))


def _is_here(word: str) -> bool:
    """Whether a reference is of a registry on this machine, which needs no TLS."""
    host = word.removeprefix("registry:").partition("/")[0].rpartition(":")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
