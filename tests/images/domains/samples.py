"""Settings and Domains to test with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from components.platform.specs import Domain, DomainStatus
from domains_operator.settings import Settings

DOMAIN, HELD = "groundwork.test", "held.test"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def settings(**changes: JsonValue) -> Settings:
    usual: dict[str, JsonValue] = {
        "zones": [{"name": DOMAIN}, {"name": HELD, "tenant": "acme"}],
        "addresses": ["192.0.2.1"],
        "resolvers": [{"host": "127.0.0.1"}],
        "servers": [{"host": "127.0.0.1"}],
    }
    return Settings.model_validate(usual | changes)


def in_folder(folder: Path, **changes: JsonValue) -> Settings:
    return settings(zoneFolder=str(folder), **changes)


def domain(
    host: str, tenant: str = "acme", *, uid: str = "1", status: DomainStatus | None = None, created: datetime = NOW
) -> Domain:
    meta = {"name": host, "namespace": tenant, "uid": uid, "creation_timestamp": created, "resource_version": "1"}
    return Domain.model_validate({"metadata": meta, "spec": {"host": host}, "status": status or DomainStatus()})
