"""The HTTP API of OpenBao and its like, as far as it is used here. Nothing of a request or an answer is logged."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

import httpx
from pydantic import JsonValue

from components.secrets.kinds import OPENBAO, Kind
from groundwork.errors import ExitCode, UserError

SECONDS = 60.0
# An answer to `sys/init` that is not waited for is a key that nobody has.
PATIENT_SECONDS = 600.0
Body = Mapping[str, JsonValue]


@dataclass(kw_only=True)
class Refused(UserError):  # noqa: N818 – what it is: the server's answer
    """The server answered with an error. `status`: of HTTP."""

    status: int


class Api:
    """One server, reached at `address`; `authority` (PEM) signs its certificate, and `token` says who asks.

    `kind`: which server it is.

    Every method raises `Refused` for an error that the server names and UserError where it does not answer.
    """

    def __init__(
        self, address: str, authority: str | None = None, token: str | None = None, kind: Kind = OPENBAO
    ) -> None:
        context = ssl.create_default_context(cadata=authority) if authority is not None else True
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token is not None else {})
        self.address, self.kind, self._authority = address, kind, authority
        self._client = httpx.Client(
            base_url=f"{address}/v1/", headers=headers, verify=context, timeout=SECONDS, trust_env=False
        )

    def as_(self, token: str) -> Api:
        """The same server, asked by another."""
        return Api(self.address, self._authority, token, self.kind)

    def read(self, path: str) -> dict[str, JsonValue]:
        """GET."""
        return self._ask("GET", path)

    def find(self, path: str) -> dict[str, JsonValue] | None:
        """GET; None where there is nothing."""
        try:
            return self._ask("GET", path)
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def names(self, path: str) -> list[str]:
        """LIST; nothing where there is nothing."""
        try:
            keys = data(self._ask("LIST", path)).get("keys")
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return []
            raise
        return [str(key) for key in keys] if isinstance(keys, list) else []

    def write(self, path: str, body: Body | None = None, *, seconds: float = SECONDS) -> dict[str, JsonValue]:
        """POST."""
        return self._ask("POST", path, body or {}, seconds)

    def delete(self, path: str, body: Body | None = None) -> None:
        """DELETE."""
        self._ask("DELETE", path, body)

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """GET of what is too large to be held."""
        try:
            with self._client.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                    raise self._refused(answer)
                yield answer.iter_bytes()
        except httpx.HTTPError as error:
            raise self._silent(error) from None

    def send(self, path: str, content: BinaryIO) -> None:
        """POST of a file."""
        try:
            answer = self._client.post(path, content=content)
        except httpx.HTTPError as error:
            raise self._silent(error) from None
        if answer.is_error:
            raise self._refused(answer)

    def _ask(self, method: str, path: str, body: Body | None = None, seconds: float = SECONDS) -> dict[str, JsonValue]:
        try:
            answer = self._client.request(method, path, json=body, timeout=seconds)
        except httpx.HTTPError as error:
            raise self._silent(error) from None
        if answer.is_error:
            raise self._refused(answer)
        found: JsonValue = answer.json() if answer.content else {}
        return found if isinstance(found, dict) else {}

    def _refused(self, answer: httpx.Response) -> Refused:
        try:
            errors = answer.json().get("errors") or []
        except ValueError:
            errors = []
        reason = "; ".join(str(error).strip().replace("\n", " ") for error in errors) or answer.reason_phrase
        asked = answer.request.url.path.removeprefix("/v1/")
        return Refused(
            what=f"{self.kind.called} refuses {asked}: {reason} ({answer.status_code})",
            fix="groundwork vault status",
            code=ExitCode.ERROR,
            status=answer.status_code,
        )

    def _silent(self, error: httpx.HTTPError) -> UserError:
        return UserError(
            what=f"{self.kind.called} does not answer: {type(error).__name__}",
            where=self.address,
            fix="groundwork vault status",
            code=ExitCode.ERROR,
        )


def data(answer: Body) -> dict[str, JsonValue]:
    """The `data` of an answer."""
    found = answer.get("data")
    return found if isinstance(found, dict) else {}
