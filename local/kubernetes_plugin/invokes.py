"""Functions that programs call: YAML to objects, a chart or a kustomization to objects."""

from __future__ import annotations

import json
from pathlib import Path

from local.kubernetes_plugin import helm, manifests
from local.kubernetes_plugin.objects import GVK
from local.kubernetes_plugin.session import Session
from local.plugin.errors import PluginError
from local.plugin.values import Object, plain


def invoke(token: str, arguments: Object, session: Session, folder: Path) -> Object:
    """The function's result. Raises `PluginError`."""
    given = plain(arguments)
    if token == "kubernetes:yaml:decode":  # noqa: S105 - a function's name
        return {"result": _objects(_required(given, "text"), str(given.get("defaultNamespace") or ""), session)}
    if token == "kubernetes:helm:template":  # noqa: S105
        options = json.loads(_required(given, "jsonOpts"))
        return {"result": _objects(_render(options, session, folder), str(options.get("namespace") or ""), session)}
    if token == "kubernetes:kustomize:directory":  # noqa: S105
        return {"result": _objects(helm.kustomize(_required(given, "directory"), folder), "", session)}
    raise PluginError(f'unknown Invoke type "{token}"')


def _required(given: Object, key: str) -> str:
    if not isinstance(given.get(key), str):
        raise PluginError(f"missing required field '{key}' of type string")
    return str(given[key])


def _objects(text: str, namespace: str, session: Session) -> list[Object]:
    objects = manifests.decode_yaml(text)
    if not namespace:
        return objects
    provider = session.provider
    return [
        {**obj, "metadata": {"namespace": namespace, **(obj.get("metadata") or {})}}
        if provider is None or provider.cluster.namespaced(GVK.of(obj))
        else obj
        for obj in objects
    ]


def _render(options: Object, session: Session, folder: Path) -> str:
    chart = str(options.get("path") or options.get("chart") or "")
    if options.get("repo"):
        chart = f"{options['repo']}/{chart}"
    fetch = options.get("fetch_opts") or {}
    arguments: Object = {
        "chart": chart,
        "version": options.get("version"),
        "values": options.get("values"),
        "skipCrds": options.get("skip_crd_rendering"),
        "repositoryOpts": {**{key: fetch.get(key) for key in ("repo", "username", "password")}},
    }
    settings = session.settings
    target = helm.Target(settings.kubeconfig, settings.context, folder, session.provider is not None)
    release = str(options.get("release_name") or options.get("resource_prefix") or "release-name")
    return helm.render(release, str(options.get("namespace") or "default"), arguments, target)
