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
        """The body as a JSON object; ValueError when it is none."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, got {type(value).__name__}")
        return value


def ask(
    url: str,
    access: Access | None,
    method: str = "GET",
    body: bytes | None = None,
    content_type: str = "application/json",
    timeout_seconds: float = 5.0,
) -> Answer:
    """One request. OSError or http.client.HTTPException when there is no answer; ValueError for another scheme."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = access.context() if access else None
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, context=context, timeout=timeout_seconds
        )
    elif parts.scheme == "http":
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_seconds)
    else:
        raise ValueError(f"cannot ask {url}")
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def is_ready(target: str, access: Access | None) -> bool:
    """Whether `target` (an HTTP(S) URL, or `unix:///path`) answers, and with 200."""
    try:
        if target.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1.0)
                client.connect(target.removeprefix("unix://"))
            return True
        return ask(target, access).status == 200
    except (OSError, http.client.HTTPException):
        return False
