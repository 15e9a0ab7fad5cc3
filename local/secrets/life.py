"""The life of an OpenBao or its like: init, unseal, root's end, rekey, snapshot, restore. Each can be run twice."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from pydantic import JsonValue

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.secrets.api import PATIENT_SECONDS, Api, Refused, data
from local.secrets.shares import NEW, Shares

ACTIVE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Seal:
    """How a server stands. `auto`: a key service unseals it, so that its shares recover and do not unseal."""

    initialized: bool
    sealed: bool
    auto: bool
    version: str

    @property
    def word(self) -> str:
        """For people."""
        if not self.initialized:
            return "not initialised"
        return "sealed" if self.sealed else "unsealed"


def seal_of(api: Api) -> Seal:
    """Ask a server. Raises UserError."""
    found = api.read("sys/seal-status")
    return Seal(
        initialized=bool(found["initialized"]),
        sealed=bool(found["sealed"]),
        auto=str(found["type"]) != "shamir",
        version=str(found["version"]),
    )


def leads(api: Api) -> bool:
    """Whether a server is the active one."""
    return bool(api.read("sys/leader").get("is_self"))


def initialise(api: Api, shares: Shares) -> str | None:
    """Make the unseal key and keep its shares; gives the first root token, or None where it was initialised before.

    The token is given to the caller alone, to be revoked when what needs it is done.
    """
    seal = seal_of(api)
    if seal.initialized:
        return None
    shares.discard(NEW)
    left = next((file for file in shares.files if file.exists()), None)
    if left is not None:
        raise UserError(
            what=f"there is a share of another {api.kind.called}", where=str(left), fix="move it away; restore needs it"
        )
    kind = "recovery" if seal.auto else "secret"
    body: dict[str, JsonValue] = {f"{kind}_shares": len(shares.files), f"{kind}_threshold": shares.threshold}
    made = api.write("sys/init", body, seconds=PATIENT_SECONDS)
    shares.write(_keys(made, "recovery_keys_base64" if seal.auto else "keys_base64"))
    return str(made["root_token"])


def unseal(api: Api, shares: Shares) -> bool:
    """Unseal one server with the threshold; False where it was unsealed. Raises UserError where shares are wanting."""
    seal = seal_of(api)
    if not seal.sealed:
        return False
    if not seal.initialized:
        raise UserError(what=f"{api.kind.called} is not initialised", fix="groundwork vault init", code=ExitCode.ERROR)
    if seal.auto:
        raise UserError(
            what="its key service has not unsealed it", fix="check the key and the right to use it", code=ExitCode.ERROR
        )
    keys = shares.enough()
    api.write("sys/unseal", {"reset": True})
    for key in keys:
        api.write("sys/unseal", {"key": key})
    # A node that joins others is unsealed when they have taken it in.
    if not wait_until(lambda: not seal_of(api).sealed, ACTIVE_SECONDS):
        raise UserError(what="the shares do not unseal it", fix="use the shares of its last rekey", code=ExitCode.ERROR)
    return True


def wait_active(api: Api) -> None:
    """Wait until requests are served. Raises UserError after half a minute."""
    if not wait_until(lambda: _refuses(api), ACTIVE_SECONDS):
        raise UserError(
            what=f"{api.kind.called} is unsealed and serves nothing", fix="kubectl logs", code=ExitCode.ERROR
        )


def _refuses(asking: Api) -> bool:
    """Whether who asks is not known: only the active node can say so, a standby that finds none fails otherwise."""
    try:
        asking.read("auth/token/lookup-self")
    except Refused as error:
        return error.status == HTTPStatus.FORBIDDEN
    return False


@contextmanager
def root(api: Api, shares: Shares, first: str | None = None) -> Iterator[Api]:
    """A root token for as long as it is needed: `first`, or a new one made with the threshold. It ends revoked."""
    token = first or _generate_root(api, shares)
    asking = api.as_(token)
    try:
        yield asking
    finally:
        revoke(asking)


def revoke(asking: Api) -> None:
    """Revoke the token that asks, and see that its next call is refused."""
    asking.write("auth/token/revoke-self")
    try:
        asking.read("auth/token/lookup-self")
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return
        raise
    raise UserError(what="a revoked token is still taken", fix="seal it and ask its makers", code=ExitCode.ERROR)


def revoke_roots(api: Api, shares: Shares) -> int:
    """End every root token that is there, with one that is made for it and ends too; gives how many there were."""
    found = 0
    with root(api, shares) as asking:
        own = data(asking.read("auth/token/lookup-self"))["accessor"]
        for accessor in asking.names("auth/token/accessors"):
            if accessor != own and _is_root(asking, accessor):
                asking.write("auth/token/revoke-accessor", {"accessor": accessor})
                found += 1
    return found


def _is_root(asking: Api, accessor: str) -> bool:
    try:
        policies = data(asking.write("auth/token/lookup-accessor", {"accessor": accessor}))["policies"]
    except Refused as error:
        if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:  # it ended meanwhile
            return False
        raise
    return isinstance(policies, list) and "root" in policies


def rekey(api: Api, shares: Shares, new: Shares) -> None:
    """Make a new key with new shares. `api`: asked by one who may.

    The new shares are written, read back and proven before the old ones stop to count.
    """
    kind = api.kind.recover if seal_of(api).auto else api.kind.rekey
    old = shares.enough()
    new.discard()
    _cancel(api, kind)
    begun = _inner(
        api.write(
            f"sys/{kind}/init",
            {"secret_shares": len(new.files), "secret_threshold": new.threshold, "require_verification": True},
        )
    )
    made: dict[str, JsonValue] = {}
    for key in old:
        made = _inner(api.write(f"sys/{kind}/update", {"key": key, "nonce": begun["nonce"]}))
    new.write(_keys(made, "keys_base64"), suffix=NEW)
    proof = Shares(files=tuple(file.with_name(file.name + NEW) for file in new.files), threshold=new.threshold)
    for key in proof.enough():
        api.write(f"sys/{kind}/verify", {"key": key, "nonce": made["verification_nonce"]})
    new.replace()
    for file in set(shares.files) - set(new.files):
        file.unlink(missing_ok=True)


def snapshot(api: Api, file: Path) -> int:
    """Write all that OpenBao holds, encrypted under its own key, to a file of mode 0600; gives its bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target, api.stream("sys/storage/raft/snapshot") as parts:
            for part in parts:
                target.write(part)
            target.flush()
            os.fsync(target.fileno())
        size = temporary.stat().st_size
        if size == 0:
            raise UserError(
                what=f"{api.kind.called} gave an empty snapshot", fix="groundwork vault status", code=ExitCode.ERROR
            )
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def restore(api: Api, file: Path, shares: Shares) -> None:
    """Put a snapshot in the place of all that is there, then unseal with the shares that belong to it.

    Where nothing is there yet, OpenBao is initialised with shares that are thrown away: the snapshot brings its own.
    """
    if not file.is_file():
        raise UserError(what="there is no such snapshot", where=str(file), fix="groundwork vault snapshot makes one")
    shares.enough()
    seal = seal_of(api)
    if seal.initialized:
        unseal(api, shares)
        wait_active(api)
        # Revoked by the restore itself: what the snapshot holds was written before this token was made.
        asking = api.as_(_generate_root(api, shares))
    else:
        kind = "recovery" if seal.auto else "secret"
        # Split as the snapshot's key is: the server holds on to the numbers that it began with.
        split: dict[str, JsonValue] = {f"{kind}_shares": len(shares.files), f"{kind}_threshold": shares.threshold}
        made = api.write("sys/init", split, seconds=PATIENT_SECONDS)
        if not seal.auto:
            for key in _keys(made, "keys_base64")[: shares.threshold]:
                api.write("sys/unseal", {"key": key})
        wait_active(api)
        asking = api.as_(str(made["root_token"]))
    with file.open("rb") as content:
        asking.send("sys/storage/raft/snapshot-force", content)

    def taken() -> bool:
        # The token was made after the snapshot, or by another OpenBao: when it is unknown, what was there is gone.
        return seal_of(api).sealed or _refuses(asking)

    def serves() -> bool:
        # Another key seals it; the key that it has had does not.
        if not seal.auto and seal_of(api).sealed:
            unseal(api, shares)
        return _refuses(api)

    if not (wait_until(taken, ACTIVE_SECONDS) and wait_until(serves, ACTIVE_SECONDS)):
        raise UserError(
            what=f"{api.kind.called} has taken the snapshot and serves nothing",
            allowed=f"a snapshot of {api.kind.called} with the same nodes and audit devices",
            fix=f"kubectl logs -n groundwork-secrets, and restore {file} again",
            code=ExitCode.ERROR,
        )


def _generate_root(api: Api, shares: Shares) -> str:
    """A root token, made with the threshold of shares: its one-time pad stays in this process."""
    keys = shares.enough()
    api.delete("sys/generate-root/attempt")
    begun = api.write("sys/generate-root/attempt")
    pad = str(begun["otp"])
    answer: dict[str, JsonValue] = {}
    for key in keys:
        answer = api.write("sys/generate-root/update", {"key": key, "nonce": begun["nonce"]})
    encoded = str(answer.get("encoded_token") or answer.get("encoded_root_token"))
    mixed = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(one ^ other for one, other in zip(mixed, pad.encode(), strict=True)).decode()


def _cancel(api: Api, kind: str) -> None:
    """End a rekey that was begun and not ended: who knows its number may."""
    for part in ("verify", "init"):
        try:
            begun = _inner(api.find(f"sys/{kind}/{part}") or {})
            api.delete(f"sys/{kind}/{part}", {"nonce": begun["nonce"]} if begun.get("nonce") else None)
        except Refused as error:
            if error.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
                raise


def _inner(answer: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Authenticated endpoints answer within `data`, others do not."""
    found = answer.get("data")
    return found if isinstance(found, dict) else answer


def _keys(answer: dict[str, JsonValue], name: str) -> list[str]:
    found = answer.get(name)
    if not isinstance(found, list) or not found:
        raise UserError(what="the server gave no shares", code=ExitCode.ERROR)
    return [str(key) for key in found]
