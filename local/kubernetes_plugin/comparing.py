"""The engine's question what would change: properties, replacement, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.kubernetes_plugin.awaiting.job import job_done
from local.kubernetes_plugin.diffing import compare, to_object
from local.kubernetes_plugin.naming import is_autonamed, is_named
from local.kubernetes_plugin.normalize import normalize
from local.kubernetes_plugin.objects import (
    GVK,
    REPLACE_UNREADY,
    is_patch,
    is_true,
    keep_dropped,
    meta,
    name,
    namespace,
    prune,
    with_metadata,
)
from local.kubernetes_plugin.provider import Provider
from local.kubernetes_plugin.replacing import IDENTITY, force_new
from local.kubernetes_plugin.settings import Settings
from local.kubernetes_plugin.state import State
from local.plugin.diffing import Difference, Path
from local.plugin.errors import PluginError
from local.plugin.host import WARNING, Log
from local.plugin.values import Object

_UNREADY = f'.metadata.annotations["{REPLACE_UNREADY}"]'


@dataclass(frozen=True)
class Comparison:
    """What changes. `replaces`: the properties that make a new object necessary."""

    differences: list[Difference]
    replaces: list[str]
    delete_first: bool


@dataclass(frozen=True)
class Comparer:
    """Compares one resource's stored state with its new inputs. `provider`: None where the cluster is out of reach."""

    urn: str
    settings: Settings
    provider: Provider | None
    log: Log

    def compare(self, old: Object, new: Object, ignored: Sequence[Path]) -> Comparison:
        """What an update would change."""
        state, inputs = State.of(old), normalize(to_object(new))
        old_inputs = normalize(state.inputs)
        before = prune(state.live, old_inputs)
        if GVK.of(inputs).built_in:
            before = keep_dropped(before, old_inputs, everything=True)
        before, inputs = self._same_place(before, inputs)
        if not before.get("kind"):
            before = {**before, **{key: inputs[key] for key in ("apiVersion", "kind") if key in inputs}}
        if meta(inputs).get("name"):
            before = with_metadata(before, name=name(state.live))
        differences = compare(before, inputs, self._patterns(inputs), ignored)
        replaces = [found.text for found in differences if found.replaces]
        if is_true(inputs, REPLACE_UNREADY) and self._unready(state.live):
            replaces.append(_UNREADY)
        delete_first = (
            bool(replaces)
            and is_named(inputs)
            and not is_autonamed(inputs)
            and name(inputs) == name(state.live)
            and namespace(inputs) == namespace(state.live)
        )
        return Comparison(differences, replaces, delete_first)

    def _patterns(self, inputs: Object) -> Sequence[tuple[str, ...]]:
        if is_patch(self.urn, str(inputs.get("kind", ""))):
            return IDENTITY
        return force_new(
            inputs,
            config_map_mutable=self.settings.config_map_mutable,
            secret_mutable=self.settings.secret_mutable,
        )

    def _same_place(self, before: Object, inputs: Object) -> tuple[Object, Object]:
        """Both with their namespace written out, or with none where the kind has none."""
        if self.provider is None or self.provider.cluster.namespaced(GVK.of(inputs)):
            default = "default"
            return (
                with_metadata(before, namespace=meta(before).get("namespace") or default),
                with_metadata(inputs, namespace=meta(inputs).get("namespace") or default),
            )
        return _nowhere(before), _nowhere(inputs)

    def _unready(self, live: Object) -> bool:
        if self.provider is None:
            self.log.keep(WARNING, "Cluster is unreachable, skipping replaceUnready check")
            return False
        if live.get("kind") != "Job":
            self.log.keep(WARNING, "replaceUnready annotation is not supported for this resource")
            return False
        try:
            found = self.provider.cluster.find(live)
        except PluginError:
            return False
        return found is not None and not job_done(found)


def _nowhere(obj: Object) -> Object:
    return {**obj, "metadata": {key: value for key, value in meta(obj).items() if key != "namespace"}}
