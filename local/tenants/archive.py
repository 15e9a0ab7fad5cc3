"""A tenant as one file: its settings, its manifests, and where its data is.

A tar archive, compressed by gzip. `groundwork-tenant.json` stands first and names every other file with its SHA-256.
Reading trusts nothing: an archive is read in memory, member by member, and only names that a tenant can have, within
limits, are taken. Nothing is ever extracted to a path that the archive chose.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from components.documents import MAX_BYTES
from groundwork.errors import UserError
from stacks.tenant_settings import AGENTS, FILE, TenantName

HEAD = "groundwork-tenant.json"
MAX_FILES = 1000
MAX_TOTAL = 32 * 2**20
_NAME = re.compile(rf"{re.escape(FILE)}|{AGENTS}/[a-z]([-a-z0-9]{{0,48}}[a-z0-9])?\.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class DataReference(_Strict):
    """Something of the tenant's that is not in the archive. `where`: in which namespace or store it was."""

    kind: Annotated[str, Field(max_length=100)]
    name: Annotated[str, Field(max_length=300)]
    where: Annotated[str, Field(max_length=300)]


class Head(_Strict):
    """What the archive says of itself. `overrides`: keys of tenant.yaml that the environment set otherwise."""

    format: Literal["groundwork-tenant"] = "groundwork-tenant"
    version: Literal[1] = 1
    tenant: TenantName
    environment: Annotated[str, Field(max_length=50, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    exported_at: datetime
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(default_factory=dict)
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    data: tuple[DataReference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive's content. `files`: path in the tenant's folder → text."""

    head: Head
    files: Mapping[str, str]


def pack(head: Head, files: Mapping[str, str]) -> bytes:
    """The archive's bytes; the same for the same arguments. The checksums are put into `head` here."""
    sums = {name: _digest(text.encode()) for name, text in sorted(files.items())}
    text = head.model_copy(update={"files": sums}).model_dump_json(by_alias=True, indent=2) + "\n"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in ((HEAD, text), *sorted(files.items())):
            data = content.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def unpack(file: Path) -> Archive:
    """Read and check an archive. Raises UserError for one that is not as `pack` makes them."""
    try:
        with file.open("rb") as stream:
            return _unpacked(stream, str(file))
    except OSError as error:
        raise UserError(what=f"cannot be read: {error.strerror or error}", where=str(file)) from None


def _unpacked(stream: IO[bytes], where: str) -> Archive:
    try:
        members = _members(stream, where)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, OverflowError, RecursionError) as error:
        raise UserError(what=f"is not an archive of a tenant: {error}", where=where) from None
    head = _head(members.pop(HEAD, None), where)
    if members.keys() != head.files.keys():
        odd = sorted(members.keys() ^ head.files.keys())
        raise UserError(what=f"what it holds and what it lists differ: {', '.join(odd[:5])}", where=where)
    for name, content in members.items():
        if _digest(content) != head.files[name]:
            raise UserError(
                what=f"{name} was changed: its checksum differs", where=where, fix="export the tenant again"
            )
    if FILE not in members:
        raise UserError(what=f"has no {FILE}", where=where)
    try:
        return Archive(head=head, files={name: content.decode() for name, content in members.items()})
    except UnicodeDecodeError as error:
        raise UserError(what=f"has a file that is not UTF-8 text: {error.reason}", where=where) from None


def _members(stream: IO[bytes], where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    with tarfile.open(fileobj=io.BytesIO(_unzipped(stream, where)), mode="r:") as tar:
        for member in tar:
            if not member.isreg() or (member.name != HEAD and _NAME.fullmatch(member.name) is None):
                raise UserError(what=f"holds {member.name[:100]!r}, which no tenant has", where=where)
            if member.name in found:
                raise UserError(what=f"{member.name} stands twice", where=where)
            total += member.size
            if member.size > MAX_BYTES or total > MAX_TOTAL or len(found) >= MAX_FILES:
                raise _too_large(where)
            content = tar.extractfile(member)
            found[member.name] = content.read() if content is not None else b""
    return found


def _unzipped(stream: IO[bytes], where: str) -> bytes:
    """All of it, never more than the limits allow, whatever the compressed size promises."""
    most = MAX_TOTAL + (MAX_FILES + 1) * 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE
    with gzip.GzipFile(fileobj=stream) as unzipped:
        content = unzipped.read(most + 1)
    if len(content) > most:
        raise _too_large(where)
    return content


def _too_large(where: str) -> UserError:
    allowed = f"{MAX_FILES} files, {MAX_BYTES // 1024} KiB each, {MAX_TOTAL // 2**20} MiB in all"
    return UserError(what="is too large", where=where, allowed=allowed)


def _head(content: bytes | None, where: str) -> Head:
    if content is None:
        raise UserError(what=f"has no {HEAD}", where=where, fix="take a file that `groundwork tenant export` wrote")
    try:
        return Head.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(what=f"{HEAD}: {place}: {first['msg']}", where=where, allowed="version 1") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
