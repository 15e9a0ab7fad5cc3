"""What the pod says about where the authorizer runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class StartError(Exception):
    """The service cannot start as it is set up: what is wrong and what is allowed. Exit code 2."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Environment variables, read once. Port 0 means any free port; all times are seconds.

    `opa`: the socket that OPA listens on. `kubeconfig`: None means the pod's own account. `checks_name`: whether the
    gateway ends TLS itself, so that the name of the connection (SNI) must be the host. `resync`: after so long
    everything is listed anew, whatever the watch said. `cache`: the longest that an answer is used again.
    """

    environment: str
    opa: Path = Path("/run/opa/opa.sock")
    host: str = ""
    port: int = 9000
    http_port: int = 8080
    kubeconfig: Path | None = None
    checks_name: bool = True
    opa_timeout: float = 0.5
    resync: float = 300.0
    cache: float = 5.0
    flush: float = 10.0
    drain: float = 10.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read AUTHORIZER_*. Raises StartError for a value that cannot be used."""
        given = {name.removeprefix("AUTHORIZER_"): value for name, value in environment.items() if value}
        name = given.get("ENVIRONMENT", "")
        if re.fullmatch(r"[a-z][-a-z0-9]{0,49}", name) is None:
            raise StartError(f"AUTHORIZER_ENVIRONMENT: {name!r} is not an environment's name")
        kubeconfig = given.get("KUBECONFIG")
        return cls(
            environment=name,
            opa=Path(given.get("OPA", cls.opa)),
            host=given.get("HOST", cls.host),
            port=_port(given, "PORT", cls.port),
            http_port=_port(given, "HTTP_PORT", cls.http_port),
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            checks_name=_flag(given, "CHECKS_NAME", cls.checks_name),
            opa_timeout=_seconds(given, "OPA_TIMEOUT", cls.opa_timeout),
            resync=_seconds(given, "RESYNC", cls.resync),
            cache=_seconds(given, "CACHE", cls.cache),
            flush=_seconds(given, "FLUSH", cls.flush),
            drain=_seconds(given, "DRAIN", cls.drain),
        )


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,5}", value) is None or int(value) > 65535:
        raise StartError(f"AUTHORIZER_{name}: {value!r} is not a port; allowed: 0 to 65535")
    return int(value)


def _flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    value = given.get(name, str(default).lower())
    if value not in {"true", "false"}:
        raise StartError(f"AUTHORIZER_{name}: {value!r} is unknown; allowed: true, false")
    return value == "true"


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    value = given.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value) is None:
        raise StartError(f"AUTHORIZER_{name}: {value!r} is not a number of seconds, such as 5 or 0.5")
    return float(value)
