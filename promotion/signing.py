"""Who signs: principals with an Ed25519 key each, and documents that carry a signature over their exact bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.documents import DocumentError, StrictModel, read_document, read_text
from components.problems import as_user_error
from components.units import Name, refusal
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically


class Role(StrEnum):
    """What a principal may sign. `log` is the audit log's own key."""

    AUTHOR = "author"
    COLLECTOR = "collector"
    APPROVER = "approver"
    OVERRIDER = "overrider"
    OPERATOR = "operator"
    LOG = "log"


# Kind of document → the role that may sign it.
SIGNERS = {
    "bill": Role.AUTHOR,
    "evidence": Role.COLLECTOR,
    "approval": Role.APPROVER,
    "override": Role.OVERRIDER,
    "order": Role.OPERATOR,
}


class Order(BaseModel):
    """Somebody tells this machine to move something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    at: AwareDatetime


class Principal(StrictModel):
    """Somebody, or a pipeline. `publicKey`: 32 bytes in base64."""

    public_key: str
    roles: tuple[Role, ...]

    @classmethod
    def of(cls, public_key: str, *roles: Role) -> Principal:
        """Made here, not read from a file."""
        return cls.model_validate_json(json.dumps({"publicKey": public_key, "roles": roles}))


class Principals(StrictModel):
    """promotion/principals.yaml: who is trusted to sign what."""

    principals: dict[Name, Principal] = Field(default={})

    @model_validator(mode="after")
    def _one_key_one_name(self) -> Principals:
        """Who has two names could approve what they wrote under the other."""
        keys = [each.public_key for each in self.principals.values()]
        if len(keys) != len(set(keys)):
            raise refusal("two principals have the same public key", "a key of their own each")
        return self


class Signed(BaseModel):
    """A document as it was signed. `body`: its exact text; `kind`: what it is, so that it cannot stand for another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    by: str
    body: str
    signature: str

    @property
    def message(self) -> bytes:
        """What the signature is over."""
        return _message(self.kind, self.by, self.body)


class Untrusted(Exception):  # noqa: N818 – what it says of a document
    """A document that must not be believed, and why."""


Model = TypeVar("Model", bound=BaseModel)


class Trust:
    """Checks signatures against the principals that are known."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._principals = principals

    def open(self, signed: Signed, kind: str, role: Role, model: type[Model]) -> Model:
        """The document, where a principal that may do so has signed it. Raises Untrusted."""
        self.check(signed, kind, role)
        try:
            return model.model_validate_json(signed.body)
        except ValidationError as error:
            raise Untrusted(f"what {signed.by} signed is no {kind}: {error.error_count()} problems") from None

    def check(self, signed: Signed, kind: str, role: Role) -> None:
        """Raises Untrusted unless `signed` is of this kind and signed by somebody with this role."""
        if signed.kind != kind:
            raise Untrusted(f"it is a {signed.kind}, not a {kind}")
        found = self._principals.get(signed.by)
        if found is None:
            raise Untrusted(f"{signed.by} is no principal that is known here")
        if role not in found.roles:
            raise Untrusted(f"{signed.by} may not sign a {kind}: not among its roles is {role}")
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(found.public_key, validate=True))
            key.verify(base64.b64decode(signed.signature, validate=True), signed.message)
        except (InvalidSignature, ValueError):
            raise Untrusted(f"the signature of {signed.by} does not fit: it was changed after signing") from None


class Signer:
    """Signs as one principal."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name, self._key = name, key

    def sign(self, kind: str, document: BaseModel) -> Signed:
        """The document with this principal's signature."""
        body = canonical(document.model_dump(mode="json"))
        signature = base64.b64encode(self._key.sign(_message(kind, self.name, body))).decode()
        return Signed(kind=kind, by=self.name, body=body, signature=signature)

    @property
    def public_key(self) -> str:
        """As it stands in principals.yaml."""
        return base64.b64encode(
            self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        ).decode()


class Keys:
    """Private keys of this machine, a file each that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str) -> Signer:
        """A new key. Raises UserError where there is one."""
        file = self.folder / f"{name}.pem"
        if file.exists():
            raise UserError(what=f"{name} has a key already", where=str(file), fix="remove it, or take another name")
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_atomically(file, pem.decode(), mode=0o600)
        return Signer(name, key)

    def signer(self, name: str) -> Signer:
        """The key of a principal. Raises UserError where it is not here or anybody may read it."""
        file = self.folder / f"{name}.pem"
        if not file.is_file():
            known = ", ".join(sorted(each.stem for each in self.folder.glob("*.pem")))
            raise UserError(
                what=f"there is no key of {name!r} here", allowed=known or "none", fix="groundwork principal create"
            )
        if file.stat().st_mode & 0o077:
            raise UserError(what="others may read this key", where=str(file), fix=f"chmod 600 {file}")
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise UserError(what="is no Ed25519 key", where=str(file), code=ExitCode.ERROR)
        return Signer(name, key)


def read_principals(file: Path) -> dict[str, Principal]:
    """Who is trusted. Raises UserError."""
    try:
        return dict(read_document(Principals, read_text(file, file.name), file.name).principals)
    except DocumentError as error:
        raise as_user_error(error) from None


def canonical(value: object) -> str:
    """The one text of a JSON value: keys in order, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _message(kind: str, by: str, body: str) -> bytes:
    return f"groundwork/v1\n{kind}\n{by}\n{body}".encode()
