"""Is a service ready? Asked over HTTP(S) with the node's own certificates, or by connecting to its socket."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who asks: paths of the authority and of the client's certificate and key (all PEM)."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A TLS context that trusts only that authority."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object; ValueError when it is no JSON, TypeError when it is no object."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise TypeError(f"expected a JSON object, got {type(value).__name__}")
        return value


class Client:
    """Requests to one server over one connection, which is kept open between them."""

    def __init__(self, url: str, access: Access | None = None, timeout_seconds: float = 5.0) -> None:
        """ValueError for a scheme other than http and https."""
        parts = urlsplit(url)
        if parts.scheme == "https":
            context = access.context() if access else None
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, context=context, timeout=timeout_seconds
            )
        elif parts.scheme == "http":
            self._connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_seconds)
        else:
            raise ValueError(f"cannot ask {url}")

    def get(self, path: str) -> Answer:
        """OSError or http.client.HTTPException when there is no answer."""
        return self._request("GET", path, None, {})

    def patch(self, path: str, body: bytes, content_type: str) -> Answer:
        """As `get`."""
        return self._request("PATCH", path, body, {"Content-Type": content_type})

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.read())
        except BaseException:
            self.close()
            raise


def get(url: str, access: Access | None = None) -> Answer:
    """One GET on a connection of its own; fails as `Client.get` does."""
    parts = urlsplit(url)
    client = Client(url, access)
    try:
        return client.get(parts.path + (f"?{parts.query}" if parts.query else ""))
    finally:
        client.close()


def is_ready(target: str, access: Access | None) -> bool:
    """Whether `target` (an HTTP(S) URL, or `unix:///path`) answers, and with 200."""
    try:
        if target.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1.0)
                client.connect(target.removeprefix("unix://"))
            return True
        return get(target, access).status == 200
    except (OSError, http.client.HTTPException):
        return False
