"""What the pod says about where the agent runs; what the agent is stands in its manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic_core import PydanticCustomError

from components.units import DURATION, parse_duration

LOG_LEVELS = ("debug", "info", "warning", "error")


class StartError(Exception):
    """The service cannot start as it is set up: what is wrong and what is allowed. Exit code 2."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Environment variables, read once. Port 0 means any free port; an empty host means every address of the pod."""

    manifest: Path = Path("/etc/agent/manifest.yaml")
    tenant: str = "unknown"
    secrets: Path = Path("/run/secrets/agent")
    host: str = ""
    port: int = 8080
    metrics_port: int = 9090
    settle: timedelta = timedelta(seconds=1)
    log_level: str = "info"
    export_traces: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read AGENT_* and OTEL_EXPORTER_OTLP_*. Raises StartError for a value that cannot be used."""
        given = {name: value for name, value in environment.items() if value}
        level = given.get("AGENT_LOG_LEVEL", cls.log_level)
        if level not in LOG_LEVELS:
            raise StartError(f"AGENT_LOG_LEVEL: {level!r} is unknown; allowed: {', '.join(LOG_LEVELS)}")
        return cls(
            manifest=Path(given.get("AGENT_MANIFEST", cls.manifest)),
            tenant=_tenant(given.get("AGENT_TENANT", cls.tenant)),
            secrets=Path(given.get("AGENT_SECRETS", cls.secrets)),
            host=given.get("AGENT_HOST", cls.host),
            port=_port(given, "AGENT_PORT", cls.port),
            metrics_port=_port(given, "AGENT_METRICS_PORT", cls.metrics_port),
            settle=_duration(given, "AGENT_SETTLE", cls.settle),
            log_level=level,
            export_traces=bool(
                given.get("OTEL_EXPORTER_OTLP_ENDPOINT") or given.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            ),
        )


def _tenant(value: str) -> str:
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value) is None:
        raise StartError(f"AGENT_TENANT: {value!r} is not a tenant; allowed: lower-case letters, digits and dashes")
    return value


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if re.fullmatch(r"[0-9]{1,5}", value) is None or int(value) > 65535:
        raise StartError(f"{name}: {value!r} is not a port; allowed: 0 to 65535")
    return int(value)


def _duration(given: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    try:
        return parse_duration(given.get(name, default))
    except PydanticCustomError:
        raise StartError(f"{name}: {given[name]!r} is not a duration; allowed: {DURATION}") from None
