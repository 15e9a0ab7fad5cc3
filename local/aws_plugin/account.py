"""The account that resources live in: clients, who we are, and calls that say what went wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from local.aws_plugin.settings import Settings
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel, ServiceModel
    from botocore.session import Session

_RETRIES = 5


@dataclass
class CallError(PluginError):
    """The API refused a call. `error`: its code, such as `InvalidVpcID.NotFound`."""

    error: str
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass
class Account:
    """Clients of one account. Safe to use from many threads."""

    settings: Settings
    _clients: dict[tuple[str, str], BaseClient] = field(default_factory=dict)
    _models: dict[str, ServiceModel] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, api: str, region: str = "") -> BaseClient:
        """The client of an API in a region, made once."""
        key = (api, region or self.region)
        with self._lock:  # botocore's session is not made for several threads
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def _make(self, api: str, region: str) -> BaseClient:
        from botocore.config import Config

        style = {"addressing_style": "path"} if self.settings.path_style else None
        return self._session.create_client(
            api,
            region_name=region,
            endpoint_url=self.settings.endpoints.get(api),
            config=Config(
                retries={"max_attempts": _RETRIES, "mode": "standard"}, s3=style, max_pool_connections=50,
                connect_timeout=10, read_timeout=60,
            ),
        )  # fmt: skip

    @cached_property
    def _session(self) -> Session:
        # What boto3 is made of, without what it adds: each plugin's process would load that too.
        from botocore.session import Session

        settings = self.settings
        session = Session(profile=settings.profile or None)
        if settings.access_key:
            session.set_credentials(settings.access_key, settings.secret_key, settings.token or None)
        if settings.region:
            session.set_config_variable("region", settings.region)
        return session

    @property
    def region(self) -> str:
        """The provider's region. Raises `PluginError` where there is none."""
        region = self.settings.region or self._session.get_config_variable("region")
        if not region:
            raise PluginError("there is no region: set aws:region, the provider's `region`, or AWS_REGION")
        return str(region)

    @cached_property
    def number(self) -> str:
        """The account's number. Raises `PluginError` where it is none of those that are allowed."""
        found = str(self.call("sts", "GetCallerIdentity", {})["Account"])
        allowed = self.settings.allowed_accounts
        if allowed and found not in allowed:
            raise PluginError(f"account {found} is not one of allowedAccountIds ({', '.join(sorted(allowed))})")
        return found

    def model(self, api: str, operation: str) -> OperationModel:
        """What botocore knows of an operation. It needs no client, which takes longer to make."""
        with self._lock:
            if api not in self._models:
                self._models[api] = self._session.get_service_model(api)
        return self._models[api].operation_model(operation)

    def call(
        self, api: str, operation: str, parameters: Object, region: str = "", secrets: Iterable[str] = ()
    ) -> Object:
        """One call, all pages of it. Raises `CallError`, its text without any of `secrets`."""
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        client, method = self.client(api, region), xform_name(operation)
        try:
            if client.can_paginate(method):
                answer: Object = client.get_paginator(method).paginate(**parameters).build_full_result()
            else:
                answer = getattr(client, method)(**parameters)
        except ClientError as error:
            detail = error.response.get("Error", {})
            code = str(detail.get("Code", ""))
            text = f"{api}:{operation}: {code}: {detail.get('Message', '')}"
            raise CallError(code, _without(secrets, text)) from None
        except BotoCoreError as error:
            raise CallError(type(error).__name__, _without(secrets, f"{api}:{operation}: {error}")) from None
        answer.pop("ResponseMetadata", None)
        return answer


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "[secret]")
    return re.sub(r"\s+", " ", text).strip()


def as_list(value: Json) -> list[Json]:
    """A value, or what it lists."""
    return value if isinstance(value, list) else [value]
