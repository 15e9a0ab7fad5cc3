"""Which cluster to talk to: a kubeconfig given as a path or as text, or the ambient one, with overrides."""

from __future__ import annotations

import copy
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from local.plugin.errors import PluginError
from local.plugin.values import Json, Object

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration
    from urllib3 import PoolManager

_CONNECTIONS = 64
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Connection:
    """A pool of connections to one API server, who we are there, and the namespace of the context in use."""

    pool: PoolManager
    settings: Configuration
    namespace: str


@dataclass(frozen=True)
class Overrides:
    """What the provider's arguments change in the kubeconfig; empty means no change."""

    context: str = ""
    cluster: str = ""
    namespace: str = ""


def parse(path_or_text: str) -> Object:
    """The kubeconfig; its relative file names made absolute if it came from a file. Raises `PluginError`."""
    path = Path(path_or_text).expanduser()
    try:
        is_file = "\n" not in path_or_text and path.is_file()
        loaded = yaml.safe_load(path.read_text() if is_file else path_or_text)
    except (OSError, yaml.YAMLError) as error:
        raise PluginError(str(error)) from None
    if not isinstance(loaded, dict):
        raise PluginError(f"{path_or_text!r} is neither a file that exists nor a kubeconfig's text")
    return _absolute(loaded, path.resolve().parent) if is_file else loaded


def _absolute(config: Object, folder: Path) -> Object:
    config = copy.deepcopy(config)
    for section, key, fields in (
        ("clusters", "cluster", ("certificate-authority",)),
        ("users", "user", ("client-certificate", "client-key", "tokenFile")),
    ):
        for entry in config.get(section) or []:
            inner = entry.get(key) or {}
            inner.update({field: str(folder / inner[field]) for field in fields if inner.get(field)})
    return config


def ambient() -> Object | None:
    """The kubeconfig that `kubectl` would use: the files of $KUBECONFIG merged, or ~/.kube/config; None without one."""
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    files = [Path(part) for part in named] or [Path.home() / ".kube" / "config"]
    merged: Object = {}
    for file in files:
        if not file.is_file():
            continue
        config = parse(str(file))
        for section in ("clusters", "users", "contexts"):
            known = {entry["name"] for entry in merged.get(section, [])}
            extra = [entry for entry in config.get(section) or [] if entry["name"] not in known]
            merged[section] = merged.get(section, []) + extra
        merged.setdefault("current-context", config.get("current-context", ""))
    return merged or None


def apply_overrides(config: Object, overrides: Overrides) -> Object:
    """The kubeconfig with another current context, or with another cluster in it. Raises `PluginError`."""
    config = copy.deepcopy(config)
    current = overrides.context or str(config.get("current-context") or "")
    context = named(config, "contexts", current)
    if context is None:
        raise PluginError(f'context "{current}" does not exist' if current else "the kubeconfig has no current context")
    if overrides.cluster:
        context["context"]["cluster"] = overrides.cluster
    cluster = str(context["context"].get("cluster", ""))
    if named(config, "clusters", cluster) is None:
        raise PluginError(f'cluster "{cluster}" does not exist')
    config["current-context"] = current
    config.setdefault("users", [])
    return config


def named(config: Object, section: str, entry_name: str) -> Object | None:
    """The entry of that name in one of the kubeconfig's lists."""
    return next((entry for entry in config.get(section) or [] if entry.get("name") == entry_name), None)


def active_cluster(config: Object | None, context: str, cluster: str) -> Json:
    """What identifies the cluster in use (its entry in the kubeconfig), to tell whether it changed."""
    if not config:
        return {}
    entry = named(config, "contexts", context or str(config.get("current-context") or ""))
    if entry is None:
        return {}
    found = named(config, "clusters", cluster or str((entry.get("context") or {}).get("cluster", "")))
    return (found or {}).get("cluster")


def connect(kubeconfig: str, overrides: Overrides) -> Connection:
    """Connections to the cluster, none of them made yet. Raises `PluginError` if the kubeconfig cannot be used."""
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import incluster_config, kube_config
    from kubernetes.config.config_exception import ConfigException

    settings = Configuration()
    config = parse(kubeconfig) if kubeconfig else ambient()
    try:
        if config is None:
            if not (_SERVICE_ACCOUNT / "token").is_file():
                raise PluginError("no kubeconfig was given, and there is none in $KUBECONFIG or ~/.kube/config")
            incluster_config.load_incluster_config(client_configuration=settings)
            return Connection(_pool(settings), settings, overrides.namespace or _own_namespace())
        config = apply_overrides(config, overrides)
        # The library writes keys that are given as text to files. They are read at once, and gone when this returns.
        with tempfile.TemporaryDirectory(prefix="kubeconfig-") as folder:
            kube_config.load_kube_config_from_dict(config, client_configuration=settings, temp_file_path=folder)
            pool = _pool(settings)
    except (ConfigException, KeyError, TypeError, AttributeError, OSError) as error:
        raise PluginError(f"invalid configuration: {error}") from None
    context = named(config, "contexts", config["current-context"]) or {}
    inner = context.get("context") or {}
    return Connection(pool, settings, overrides.namespace or str(inner.get("namespace") or "default"))


def _own_namespace() -> str:
    file = _SERVICE_ACCOUNT / "namespace"
    return file.read_text().strip() if file.is_file() else "default"


def _pool(settings: Configuration) -> PoolManager:
    from urllib3 import PoolManager, ProxyManager

    options: dict[str, Json] = {"num_pools": 4, "maxsize": _CONNECTIONS, "ssl_context": _tls(settings)}
    if settings.tls_server_name:
        options["server_hostname"] = settings.tls_server_name
    if settings.assert_hostname is not None:
        options["assert_hostname"] = settings.assert_hostname
    return ProxyManager(settings.proxy, **options) if settings.proxy else PoolManager(**options)


def _tls(settings: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    # Cluster authorities are often made without the extensions that newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
