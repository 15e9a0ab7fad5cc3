"""What stands under `secrets:` in an environment's settings.  (docs/secrets.md)"""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from components.documents import StrictModel
from components.secrets.kinds import KINDS, Kind
from components.units import Duration, refusal


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise refusal(f"{value} nodes can lose no more than {value - 1}", "1, 3, 5 or 7")
    return value


def _now_and_then(value: timedelta) -> timedelta:
    if not timedelta(minutes=15) <= value <= timedelta(days=7):
        raise refusal(f"{value.total_seconds():.0f}s between two snapshots", "from 15m to 7d")
    return value


def _absolute(value: PurePosixPath) -> PurePosixPath:
    if not value.is_absolute():
        raise refusal(f"{value} begins nowhere", "a path from the root of OpenBao's image")
    return value


class KmsPluginSettings(StrictModel):
    """The program in OpenBao's image that speaks to KMS, and its SHA-256: the server starts no other."""

    path: Annotated[PurePosixPath, AfterValidator(_absolute)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class KmsSettings(StrictModel):
    """A key of AWS KMS that unseals OpenBao by itself; an environment in AWS makes its own. `plugin`: needed since
    OpenBao 2.7.
    """

    key_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None
    plugin: KmsPluginSettings | None = None


class ShareSettings(StrictModel):
    """Into how many shares the key is split, and how many of them unseal (or, with KMS, recover)."""

    count: Annotated[int, Field(ge=1, le=10)] = 5
    threshold: Annotated[int, Field(ge=1, le=10)] = 3


class SnapshotSettings(StrictModel):
    """Snapshots of OpenBao in S3. Nobody deletes one within `lock_days`; after `keep_days` it goes by itself."""

    every: Annotated[Duration, AfterValidator(_now_and_then)] = timedelta(hours=6)
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 35
    lock_days: Annotated[int, Field(ge=1, le=3650)] = 30

    @model_validator(mode="after")
    def _kept_as_long_as_locked(self) -> Self:
        if self.lock_days > self.keep_days:
            raise refusal(f"lockDays: {self.lock_days} is above keepDays ({self.keep_days})", f"1 to {self.keep_days}")
        return self


class SecretsSettings(StrictModel):
    """The layer `secrets`. `size`: of each volume; `storage_class`: the cluster's default, where none is named.

    `server`: the program that holds them. `controllers`: pods of External Secrets, of which one works at a time.
    `snapshots`: on EKS. `postgres`: where agents' users are made, in the cluster or in the environment's RDS.
    """

    server: Literal["openbao", "vault"] = "openbao"
    replicas: Annotated[int, Field(ge=1, le=7), AfterValidator(_odd)] = 3
    kms: KmsSettings | None = None
    shares: ShareSettings = ShareSettings()
    size: Annotated[str, Field(pattern=r"^\d+[MG]i$")] = "10Gi"
    storage_class: str | None = None
    controllers: Annotated[int, Field(ge=1, le=5)] = 1
    postgres: bool | Literal["rds"] = True
    snapshots: SnapshotSettings | None = None

    @property
    def kind(self) -> Kind:
        """The server, and its ways."""
        return KINDS[self.server]
