"""The provider's arguments: checked, compared, and turned into settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from local.kubernetes_plugin.kubeconfig import Overrides, active_cluster, parse
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object, Unknown, plain

_CLUSTER_KEYS = ("kubeconfig", "context", "cluster")
_IDENTIFIER = "clusterIdentifier"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the provider's arguments say. Times are in seconds."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    server_side_apply: bool = True
    config_map_mutable: bool = False
    secret_mutable: bool = False
    patch_force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecations: bool = False
    suppress_hook_warnings: bool = False
    render_directory: str = ""
    always_render: bool = False
    timeout: float | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Json]) -> Settings:
        """From the arguments, or where one is missing from the environment. Raises `PluginError`."""

        def flag(argument: str, variable: str, default: bool = False) -> bool:
            value = arguments.get(argument, os.environ.get(variable))
            return default if value in (None, "") else str(value).lower() == "true"

        return cls(
            kubeconfig=_text(arguments.get("kubeconfig")),
            context=_text(arguments.get("context")),
            cluster=_text(arguments.get("cluster")),
            namespace=_text(arguments.get("namespace")),
            server_side_apply=flag("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", True),
            config_map_mutable=flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
            secret_mutable=flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
            patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
            upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
            delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
            skip_update_unreachable=flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
            suppress_deprecations=flag("suppressDeprecationWarnings", "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"),
            suppress_hook_warnings=flag("suppressHelmHookWarnings", "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS"),
            render_directory=_text(arguments.get("renderYamlToDirectory")),
            always_render=str(arguments.get("alwaysRender", "")).lower() == "true",
            timeout=_client_timeout(arguments.get("kubeClientSettings")),
        )

    @property
    def overrides(self) -> Overrides:
        """What changes in the kubeconfig."""
        return Overrides(self.context, self.cluster, self.namespace)


def _text(value: Json) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return value if isinstance(value, str) else ""


def _client_timeout(value: Json) -> float | None:
    try:
        settings = json.loads(value) if isinstance(value, str) and value else value
        timeout = (settings or {}).get("timeout") or os.environ.get("PULUMI_K8S_CLIENT_TIMEOUT")
        return float(timeout) if timeout else None
    except (ValueError, AttributeError) as error:
        raise PluginError(f"failed to unmarshal kubeClientSettings option: {error}") from None


def check(urn: str, arguments: Object) -> list[tuple[str, str]]:
    """What is wrong with the arguments: pairs of property (may be empty) and reason."""
    values = plain(arguments)
    strict = str(values.get("strictMode", _stack_setting("strictMode"))).lower() == "true"
    if strict:
        found = [("", "strict mode prohibits default provider")] if "::default" in urn else []
        return found + [
            (key, f'strict mode requires Provider "{key}" argument')
            for key in ("kubeconfig", "context")
            if not values.get(key)
        ]
    if values.get("renderYamlToDirectory"):
        return [
            (key, f'"{key}" arg is not compatible with "renderYamlToDirectory" arg')
            for key in ("cluster", "context", "kubeconfig")
            if values.get(key) and key != "kubeconfig"
        ]
    return []


def _stack_setting(key: str) -> str:
    try:
        return str(json.loads(os.environ.get("PULUMI_CONFIG") or "{}").get(key, ""))
    except (ValueError, AttributeError):
        return ""


@dataclass(frozen=True)
class ConfigDifference:
    """Which arguments changed, and which of them mean another cluster."""

    changed: list[str]
    replaces: list[str]


def compare(old: Object, new: Object) -> ConfigDifference:
    """Tell a changed provider from one that now points to another cluster, whose objects must be made anew."""
    old, new = plain(old), plain(new)
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if not changed:
        return ConfigDifference([], [])
    identifiers = old.get(_IDENTIFIER), new.get(_IDENTIFIER)
    if all(identifiers):
        return ConfigDifference(changed, [_IDENTIFIER] if identifiers[0] != identifiers[1] else [])
    unknown = [key for key in _CLUSTER_KEYS if isinstance(new.get(key), Unknown)]
    if unknown:
        return ConfigDifference(unknown[:1], unknown[:1])
    replaces = ["renderYamlToDirectory"] if "renderYamlToDirectory" in changed else []
    before, after = _active(old), _active(new)
    if before is not None and after is not None and before != after:
        replaces += [key for key in _CLUSTER_KEYS if key in changed]
    return ConfigDifference(changed, replaces)


def _active(arguments: Object) -> Json:
    text = _text(arguments.get("kubeconfig"))
    try:
        config = parse(text) if text else {}
    except PluginError:
        return None
    return active_cluster(config, _text(arguments.get("context")), _text(arguments.get("cluster")))
