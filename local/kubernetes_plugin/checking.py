"""Inputs as they will be sent: named, in a namespace, in one form; with what is wrong or doubtful about them."""

from __future__ import annotations

import re
from typing import Final

from local.kubernetes_plugin.deprecated import DEPRECATED
from local.kubernetes_plugin.diffing import to_object
from local.kubernetes_plugin.marking import mark_secrets
from local.kubernetes_plugin.naming import adopt_old_name, assign_name, is_generate_name
from local.kubernetes_plugin.normalize import normalize
from local.kubernetes_plugin.objects import (
    GVK,
    MANAGED_BY_LABEL,
    is_crd,
    is_list,
    is_patch,
    meta,
    name,
    pluck,
    type_of,
    with_metadata,
)
from local.kubernetes_plugin.provider import Provider
from local.kubernetes_plugin.settings import Settings
from local.plugin.errors import PluginError
from local.plugin.host import WARNING, Log
from local.plugin.naming import NamingRequest
from local.plugin.values import Object

_HOOK: Final = "helm.sh/hook"
_TEST_HOOK: Final = re.compile("test")


class Checker:
    """Checks one resource's inputs. `default_namespace`: where objects go that do not say where."""

    def __init__(self, urn: str, settings: Settings, default_namespace: str, log: Log) -> None:
        self._urn = urn
        self._settings = settings
        self._server_side = settings.server_side_apply
        self._namespace = default_namespace
        self._log = log

    def check(self, old: Object, new: Object, naming: NamingRequest, provider: Provider | None) -> Object:
        """The inputs to store. `provider` is None where the cluster is out of reach. Raises `PluginError`."""
        inputs = to_object(new)
        self._refuse(inputs)
        inputs = normalize(inputs)
        if not self._settings.suppress_hook_warnings:
            self._warn_of_hooks(inputs)
        inputs = self._named(inputs, to_object(old), naming)
        if is_generate_name(inputs) and self._server_side:
            raise PluginError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        inputs = self._placed(inputs, provider)
        if provider is not None and is_crd(inputs):
            provider.cluster.announce(inputs)
        if provider is not None:
            self._warn_of_old_api(provider)
        return mark_secrets(inputs, new)

    def _refuse(self, inputs: Object) -> None:
        if is_list(self._urn):
            raise PluginError(
                "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be created "
                "directly. Use the underlying resource type instead"
            )
        if type_of(self._urn) == "kubernetes:helm.sh/v3:Release":
            raise PluginError(
                "helm.sh/v3:Release is not supported by this plugin, because it hides its objects from the graph. Use "
                "helm.sh/v4:Chart, or install the vendor's plugin"
            )
        if not is_patch(self._urn, str(inputs.get("kind", ""))):
            return
        if not self._server_side:
            raise PluginError(
                "patch resources require Server-Side Apply mode, which is enabled using the `enableServerSideApply` "
                "Provider config"
            )
        if not meta(inputs).get("name"):
            raise PluginError("patch resources require the `.metadata.name` field to be set")

    def _named(self, inputs: Object, old: Object, naming: NamingRequest) -> Object:
        try:
            inputs = adopt_old_name(inputs, old) if old else assign_name(inputs, naming)
        except ValueError as error:
            raise PluginError(str(error)) from None
        # Another's value, such as the one that a chart carries, stays.
        labelled = pluck(old, "metadata", "labels", MANAGED_BY_LABEL) == "pulumi" if old else not self._server_side
        labels = meta(inputs).get("labels")
        if labelled and (labels is None or isinstance(labels, dict)):
            inputs = with_metadata(inputs, labels={**(labels or {}), MANAGED_BY_LABEL: "pulumi"})
        return inputs

    def _placed(self, inputs: Object, provider: Provider | None) -> Object:
        if not self._namespace or meta(inputs).get("namespace"):
            return inputs
        gvk = GVK.of_urn(self._urn)
        kind = str(inputs.get("kind") or gvk.kind)
        namespaced = provider is None or provider.cluster.namespaced(GVK(gvk.group, gvk.version, kind))
        return with_metadata(inputs, namespace=self._namespace) if namespaced else inputs

    def _warn_of_hooks(self, inputs: Object) -> None:
        annotations = meta(inputs).get("annotations")
        value = annotations.get(_HOOK) if isinstance(annotations, dict) else None
        if isinstance(value, str) and _TEST_HOOK.search(value):
            self._log.keep(
                WARNING,
                f'"{name(inputs)}" is a Helm hook ({value}). It will be created like any other resource, but never run '
                "as a hook. Set PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS to true to hide this",
            )

    def _warn_of_old_api(self, provider: Provider) -> None:
        gvk = GVK.of_urn(self._urn)
        replacement = DEPRECATED.get((gvk.group, gvk.version))
        if replacement is None or self._settings.suppress_deprecations:
            return
        state = "is deprecated" if provider.cluster.serves(gvk) else "is not served by this cluster any more"
        self._log.keep(WARNING, f"{gvk} {state}: use {replacement}")
