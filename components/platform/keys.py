"""API keys as text: `gw_<id>_<secret>`. Of the secret, only its SHA-256 is ever kept.

The secret has 256 bits of chance, so a plain hash is enough: there is nothing to guess. The images that read keys carry
this file: it imports the standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Self

PREFIX = "gw_"
ID_ALPHABET = string.ascii_lowercase + string.digits
SECRET_ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 12
SECRET_LENGTH = 43
_FORM = re.compile(rf"gw_([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")
_NO_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key in full. `secret` is never printed with it."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """A key of chance, from the system's own source."""
        return cls(
            id="".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH)),
            secret="".join(secrets.choice(SECRET_ALPHABET) for _ in range(SECRET_LENGTH)),
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that a text is; None for any other text."""
        found = _FORM.fullmatch(text)
        return cls(id=found[1], secret=found[2]) if found else None

    @property
    def text(self) -> str:
        """What the caller sends. Show it once, keep it nowhere."""
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def hash(self) -> str:
        """SHA-256 of the secret, hex."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def fits(self, stored: str | None) -> bool:
        """Whether the stored hash is this key's; takes the same time whether there is one or not."""
        same = hmac.compare_digest(self.hash, stored or _NO_HASH)
        return same and stored is not None
