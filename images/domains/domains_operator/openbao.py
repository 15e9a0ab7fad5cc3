"""OpenBao as the platform's own authority, once `groundwork` has said that it signs: until then the operator does.

The key of a certificate is made here and goes to the gateway's Secret alone; OpenBao sees a request. With the token of
its own account the operator may have requests signed, for the names that OpenBao's role has, and may do nothing else.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import urllib3
from cryptography import x509
from pydantic import JsonValue, TypeAdapter, ValidationError

from domains_operator.certificates import Cause, Issued, IssueError, OwnIssuer, new_key, pem, request

# The ConfigMap that says where OpenBao is, and who (local/secrets/issuing.py).
CONFIG = "openbao"
LOGIN, SIGN, ROLE = "auth/kubernetes/login", "pki/sign/gateways", "domains"
TOKEN = Path("/run/openbao/token")
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
# How OpenBao's authority is called, whichever of the mesh's roots it is below (local/secrets/pki.py).
_ISSUER = "CN=groundwork mesh openbao "
_Object = TypeAdapter(dict[str, JsonValue])


class Told(Protocol):
    """Where the ConfigMap is."""

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data; nothing where there is none."""


class PlatformIssuer:
    """The platform's own authority."""

    def __init__(self, told: Told, own: OwnIssuer, token: Path = TOKEN) -> None:
        self._told, self._own, self._token = told, own, token

    def issue(self, names: Sequence[str]) -> Issued:
        """A certificate of OpenBao's; of the operator's own key where there is no OpenBao. Raises IssueError."""
        told = self._told.config(CONFIG)
        if not told:
            return self._own.issue(names)
        speaker = _Speaker(told)
        login = _part(speaker.ask(LOGIN, {"role": ROLE, "jwt": self._read_token()}, None), "auth")
        key = new_key()
        signed = _part(speaker.ask(SIGN, {"csr": request(key, names)}, str(login.get("client_token"))), "data")
        above = signed.get("ca_chain")
        chain = [signed.get("certificate"), *(above if isinstance(above, list) else [])]
        return Issued(key=pem(key), chain="".join(f"{str(each).strip()}\n" for each in chain).encode())

    def _read_token(self) -> str:
        try:
            return self._token.read_text("utf-8").strip()
        except OSError as error:
            raise IssueError(Cause.UNREACHABLE, f"no token for OpenBao: {error.strerror}") from None


def is_its(issuer: str) -> bool:
    """Whether an issuer's name is OpenBao's."""
    return issuer.startswith(_ISSUER)


def is_current(chain: bytes, told: Mapping[str, str]) -> bool:
    """Whether the certificate is of whoever signs now: OpenBao's authority, or the operator where none is told."""
    try:
        _, *above = x509.load_pem_x509_certificates(chain)
        wanted = x509.load_pem_x509_certificates(told["issuer.crt"].encode()) if told else []
    except ValueError:
        return False
    return above == wanted


class _Speaker:
    """Says to OpenBao what must be said, and nothing of it to anybody else."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self._address = told["address"]
        context = ssl.create_default_context(cadata=told["ca.crt"])
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=_TIMEOUT)

    def ask(self, path: str, body: Mapping[str, JsonValue], token: str | None) -> dict[str, JsonValue]:
        """POST. Raises IssueError, with what OpenBao gives as its reason."""
        headers = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token is not None else {})
        try:
            answer = self._pool.request("POST", f"{self._address}/v1/{path}", json=dict(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise IssueError(Cause.UNREACHABLE, f"OpenBao does not answer: {type(error).__name__}") from None
        found = _parsed(answer.data)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            errors = found.get("errors")
            reason = "; ".join(map(str, errors)) if isinstance(errors, list) and errors else str(answer.status)
            # Sealed, without a leader, or asked too often: it will pass.
            passes = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS
            raise IssueError(Cause.UNREACHABLE if passes else Cause.REFUSED, f"OpenBao: {' '.join(reason.split())}")
        return found


def _parsed(content: bytes) -> dict[str, JsonValue]:
    try:
        return _Object.validate_json(content)
    except ValidationError:
        return {}


def _part(answer: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    found = answer.get(name)
    return found if isinstance(found, dict) else {}
