"""The provider's arguments: checked, and turned into settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.plugin.errors import PluginError
from local.plugin.values import Json, Object, plain

_KNOWN = {
    "region", "accessKey", "secretKey", "token", "profile", "endpoints", "defaultTags", "allowedAccountIds",
    "s3UsePathStyle", "version",
    # These speak of look-ups that this plugin does not make.
    "skipCredentialsValidation", "skipRegionValidation", "skipMetadataApiCheck", "skipRequestingAccountId",
    "maxRetries",
}  # fmt: skip
# Endpoints are named by the vendor's words for the APIs, which are boto3's but for these.
_ENDPOINTS = {
    "elbv2": "elbv2", "lb": "elbv2", "alb": "elbv2", "cloudwatchlogs": "logs", "cloudwatchevents": "events",
    "eventbridge": "events", "acmpca": "acm-pca", "appautoscaling": "application-autoscaling",
    "applicationautoscaling": "application-autoscaling", "resourcegroupstagging": "resourcegroupstaggingapi",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the provider's arguments say. `endpoints`: botocore's name of an API → URL."""

    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    profile: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    allowed_accounts: frozenset[str] = frozenset()
    path_style: bool = False

    @classmethod
    def of(cls, arguments: Mapping[str, Json]) -> Settings:
        """From the arguments, or where one is missing from the environment (botocore reads the credentials itself)."""
        values = {key: _parsed(value) for key, value in plain(dict(arguments)).items()}
        endpoints = {
            _ENDPOINTS.get(api, api): str(url)
            for row in values.get("endpoints") or []
            for api, url in row.items()
            if url
        }
        return cls(
            region=str(values.get("region") or os.environ.get("AWS_REGION") or ""),
            access_key=str(values.get("accessKey") or ""),
            secret_key=str(values.get("secretKey") or ""),
            token=str(values.get("token") or ""),
            profile=str(values.get("profile") or ""),
            endpoints=endpoints,
            default_tags={
                key: str(value) for key, value in ((values.get("defaultTags") or {}).get("tags") or {}).items()
            },
            allowed_accounts=frozenset(str(number) for number in values.get("allowedAccountIds") or []),
            # An emulated account answers at one address, which a bucket's name in front would change.
            path_style=str(values.get("s3UsePathStyle", "")).lower() == "true"
            or bool(os.environ.get("AWS_ENDPOINT_URL") or endpoints.get("s3")),
        )


def _parsed(value: Json) -> Json:
    """Lists and blocks come as JSON texts."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise PluginError("an argument of the provider is not JSON, though it begins so") from None
    return value


def check(arguments: Object) -> list[tuple[str, str]]:
    """What is wrong with the arguments: pairs of property and reason."""
    return [(key, f"this plugin does not know the argument {key!r}") for key in arguments if key not in _KNOWN]
