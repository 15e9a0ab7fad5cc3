"""The bill of materials: exactly what an environment is made of. It is what moves from one environment to the next."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from components.units import is_by_digest
from groundwork.errors import UserError
from promotion.signing import Role, Signed, Trust, Untrusted, canonical

KIND = "bill"
# By which a part of the checkout is hashed: everything that decides what is applied.
PARTS = {
    "settings": ("Pulumi.yaml", "Pulumi.*.yaml", "tenants/**/*.yaml"),
    "policies": ("policies/**/*",),
    "program": ("stacks/**/*.py", "components/**/*.py", "local/toolchain/pins/**/*"),
}


def _digest(value: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        raise ValueError("is no digest: sha256: and 64 digits")
    return value


def _image(value: str) -> str:
    if not is_by_digest(value):
        raise ValueError("is not by digest: repository/name@sha256:…")
    return value


Digest = Annotated[str, AfterValidator(_digest)]


class Bill(BaseModel):
    """`images`: name → by digest; `charts`, `settings`, `policies`, `program`: file → hash of its content.

    `sboms`: image → hash of its list of components, for those that have one. `source`: the commit of all files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: str
    made: AwareDatetime
    source: str
    images: Mapping[str, Annotated[str, AfterValidator(_image)]]
    charts: Mapping[str, Digest]
    settings: Mapping[str, Digest]
    policies: Mapping[str, Digest]
    program: Mapping[str, Digest]
    sboms: Mapping[str, Digest]

    @property
    def digest(self) -> str:
        """What evidence and approvals name."""
        return sha256(canonical(self.model_dump(mode="json")).encode())

    def differences(self, images: Mapping[str, str]) -> list[str]:
        """The images that are not as the bill has them, in words; those that it does not have are not its business."""
        return [
            f"{name} is {images.get(name, 'missing')}, the bill has {wanted}"
            for name, wanted in sorted(self.images.items())
            if images.get(name) != wanted
        ]


def opened(trust: Trust, signed: Signed) -> Bill:
    """A bill that its own author has signed. Raises Untrusted."""
    bill = trust.open(signed, KIND, Role.AUTHOR, Bill)
    if bill.author != signed.by:
        raise Untrusted(f"{signed.by} signed what {bill.author} wrote")
    return bill


def hashes(checkout: Path, patterns: Iterable[str]) -> dict[str, str]:
    """File → hash, for the files that match; compiled Python is none."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for file in sorted(checkout.glob(pattern)):
            if file.is_file() and "__pycache__" not in file.parts:
                found[file.relative_to(checkout).as_posix()] = sha256(file.read_bytes())
    return dict(sorted(found.items()))


def folder_hash(folder: Path) -> str:
    """One hash over all files in a folder and their names."""
    return sha256(canonical(hashes(folder, ("**/*",))).encode())


def sha256(content: bytes) -> str:
    """`sha256:…`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def source_commit(checkout: Path) -> str:
    """The commit of a checkout in which nothing is changed. Raises UserError."""
    commit = _git(checkout, "rev-parse", "HEAD")
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=all")
    if changed:
        lines = changed.splitlines()
        raise UserError(
            what=f"the checkout has {len(lines)} changes that are not committed, such as {lines[0][3:]}",
            where=str(checkout),
            fix="commit them: a bill names a commit, so that any earlier one can be brought back",
        )
    return commit


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(what=f"git: {done.stderr.strip()}", where=str(checkout), fix="promote from a git checkout")
    return done.stdout.strip()
