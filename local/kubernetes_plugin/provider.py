"""The resource operations, on plain JSON: check, diff, create, read, update and delete of one object."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from local.kubernetes_plugin.awaiting.base import DEFAULT_TIMEOUT, Context
from local.kubernetes_plugin.awaiting.kinds import TIMEOUTS, await_ready, check_ready
from local.kubernetes_plugin.cluster import Cluster
from local.kubernetes_plugin.deleting import delete
from local.kubernetes_plugin.diffing import to_object
from local.kubernetes_plugin.errors import ApiError, NoMatchError, NotReadyError
from local.kubernetes_plugin.informers import Informers
from local.kubernetes_plugin.marking import mark_secrets
from local.kubernetes_plugin.normalize import normalize
from local.kubernetes_plugin.objects import (
    GVK,
    TIMEOUT_SECONDS,
    annotation,
    is_patch,
    keep_dropped,
    meta,
    parse_id,
    prune,
    qualified_name,
    with_metadata,
)
from local.kubernetes_plugin.settings import Settings
from local.kubernetes_plugin.state import State, Stored, manager_name
from local.kubernetes_plugin.writing import Update, Writer
from local.plugin.diffing import Path
from local.plugin.errors import PartialError, PluginError
from local.plugin.host import Engine, ResourceLog
from local.plugin.values import Object, has_unknown

_EXISTS = """

The resource already exists in the cluster, and it is not this program's. What helps depends on why:
  - It was renamed in the program: give it an alias, or set deleteBeforeReplace if it must be replaced.
  - It belongs to someone else: manage only some fields of it with a Patch resource (e.g. NamespacePatch).
  - It shall become this program's: import it (`pulumi import`, or the resource option `import`). Protected objects
    (e.g. kube-system) cannot be deleted on destroy.
  - Existing objects shall be taken over without asking: set upsertExistingObjects on the provider."""


@dataclass(frozen=True)
class Operation:
    """How to write one resource. `timeout`: seconds to wait for it, 0 for what its annotations or its kind say."""

    urn: str
    timeout: float = 0.0
    preview: bool = False
    ignored: Sequence[Path] = ()


@dataclass(frozen=True)
class Reading:
    """What a read found: stored properties and inputs; `gone` if the object is not there."""

    properties: Object = field(default_factory=dict)
    inputs: Object = field(default_factory=dict)
    gone: bool = False


@dataclass
class Provider:
    """Resources of one cluster. Safe to use from many threads."""

    cluster: Cluster
    settings: Settings
    engine: Engine
    cancelled: threading.Event

    def __post_init__(self) -> None:
        self.informers = Informers(self.cluster)

    def _writer(self, urn: str, inputs: Object, manager: str) -> Writer:
        patch = is_patch(urn, str(inputs.get("kind", "")))
        log = ResourceLog(self.engine, urn)
        return Writer(self.cluster, self.settings, log, manager, patch, self.cancelled.wait)

    def context(self, urn: str, inputs: Object, timeout: float) -> Context:
        """How to wait for an object; `timeout` in seconds, 0 for what its annotations or its kind say."""
        given = annotation(inputs, TIMEOUT_SECONDS)
        annotated = float(given) if given.isdigit() else 0.0
        gvk = GVK.of(inputs)
        seconds = timeout or annotated or TIMEOUTS.get((gvk.group, gvk.kind), DEFAULT_TIMEOUT)
        return Context(self.cluster, self.informers, ResourceLog(self.engine, urn), self.cancelled, seconds)

    # ---- create

    def create(self, operation: Operation, properties: Object) -> tuple[str, Object]:
        """Make the object and wait for it. Gives back its ID and what to store.

        Raises `PartialError` if it was made but is not ready, other `PluginError`s if it was not made.
        """
        urn, preview = operation.urn, operation.preview
        inputs = to_object(properties)
        if preview and self._cannot_preview(urn, inputs):
            return "", properties
        manager = manager_name(inputs, "", server_side_apply=self.settings.server_side_apply)
        stored = Stored(manager, str(inputs.get("apiVersion", "")), properties)
        try:
            live = self._writer(urn, inputs, manager).create(inputs, dry_run=preview)
        except PluginError as error:
            if preview and isinstance(error, ApiError) and self._is_preview_noise(error):
                return "", properties
            raise self._not_created(urn, error) from error
        if preview:
            live.pop("status", None)
            return "", stored.properties(inputs, live)
        problem = self._await(operation, inputs, live, None)
        live = self._newest(live)
        if problem is not None:
            text = (
                f'resource "{urn}" was successfully created, but the Kubernetes API server reported that it failed '
                f"to fully initialize or become live: {problem}"
            )
            raise self._partial(text, problem, live, stored.properties(inputs, live))
        if live.get("kind") == "CustomResourceDefinition":
            self.cluster.forget_kinds()
        return qualified_name(live), stored.properties(inputs, live)

    def _newest(self, known: Object) -> Object:
        """The object as it is now, or as it was last seen: an API server that is gone for a moment must not make the
        engine forget what was written."""
        try:
            return self.cluster.find(known) or known
        except PluginError:
            return known

    def _cannot_preview(self, urn: str, inputs: Object) -> bool:
        return (
            has_unknown(inputs)
            or not self.settings.server_side_apply
            or is_patch(urn, str(inputs.get("kind", "")))
            or not self.cluster.serves(GVK.of(inputs))
        )

    @staticmethod
    def _is_preview_noise(error: ApiError) -> bool:
        """Refusals of a dry run that say nothing about the real run."""
        return (
            error.code == 403
            or error.namespace_missing
            or error.reason == "AlreadyExists"
            or "does not support dry run" in error.message
        )

    @staticmethod
    def _not_created(urn: str, error: PluginError) -> PluginError:
        if isinstance(error, NoMatchError):
            return PluginError(
                f'creation of resource "{urn}" with kind {error.api_version}/{error.kind} failed because the '
                "Kubernetes API server reported that the apiVersion for this resource does not exist. Verify that any "
                f"required CRDs have been created: {error}"
            )
        hint = _EXISTS if isinstance(error, ApiError) and error.reason == "AlreadyExists" else ""
        text = f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}{hint}'
        return PluginError(text)

    def _await(self, operation: Operation, inputs: Object, live: Object, before: Object | None) -> PluginError | None:
        try:
            await_ready(self.context(operation.urn, inputs, operation.timeout), inputs, live, before)
        except PluginError as error:
            return error
        return None

    @staticmethod
    def _partial(text: str, problem: PluginError, live: Object, state: Object) -> PartialError:
        more = problem.problems if isinstance(problem, NotReadyError) else []
        return PartialError(qualified_name(live), text, [text, *more], state)

    # ---- update

    def update(self, operation: Operation, old: Object, new: Object) -> Object:
        """Change the object and wait for it. Gives back what to store. Raises as `create` does."""
        urn, preview = operation.urn, operation.preview
        inputs = normalize(to_object(new))
        if preview and (has_unknown(inputs) or not self.cluster.serves(GVK.of(inputs))):
            return new
        state = State.of(old)
        server_side = self.settings.server_side_apply
        manager = manager_name(inputs, state.manager, server_side_apply=server_side)
        stored = Stored(manager, state.initial_version, new)
        try:
            live = self._change(operation, state, inputs, self._writer(urn, inputs, manager))
        except PluginError as error:
            if preview and isinstance(error, ApiError) and error.code == 403:
                return new
            raise self._not_updated(urn, state, stored, inputs, error) from error
        if not preview and server_side and state.manager and state.manager != manager:
            self._writer(urn, inputs, manager).relinquish(live, state.manager)
        return stored.properties(inputs, live)

    def _change(self, operation: Operation, state: State, inputs: Object, writer: Writer) -> Object:
        target = with_identity(inputs, state.live)
        before = self.cluster.get(target)
        old_inputs = prune(state.live, normalize(state.inputs))
        live = writer.update(Update(target, old_inputs, before, operation.ignored), dry_run=operation.preview)
        if operation.preview:
            return live
        problem = self._await(operation, inputs, live, before)
        if problem is not None:
            raise problem
        return self._newest(live)

    def _not_updated(self, urn: str, state: State, stored: Stored, inputs: Object, error: PluginError) -> PluginError:
        if isinstance(error, NoMatchError):
            return PluginError(
                f'update of resource "{urn}" failed because the Kubernetes API server reported that the apiVersion for '
                f"this resource does not exist. Verify that any required CRDs have been created: {error}"
            )
        try:
            live = self.cluster.get(with_identity(inputs, state.live))
        except PluginError as reason:
            return PluginError(f'update of resource "{urn}" failed: {error}\nunable to get cluster state: {reason}')
        text = (
            f'the Kubernetes API server reported that "{qualified_name(live)}" failed to fully initialize or become '
            f"live: {error}"
        )
        return self._partial(text, error, live, stored.properties(inputs, live))

    # ---- read

    def read(self, urn: str, identifier: str, properties: Object, old: Object) -> Reading:
        """The object as it is now. Raises `PartialError` if it is there but not ready."""
        known_inputs, state = normalize(to_object(old)), State.of(properties)
        from_cluster = not known_inputs.get("kind") and not state.live.get("kind")
        asked = self._identify(urn, identifier, known_inputs, state)
        live = self.cluster.find(asked)
        if live is None:
            return Reading(gone=True)
        inputs = importable(live, asked) if from_cluster else prune(live, known_inputs)
        if not from_cluster and GVK.of(live).built_in:
            inputs = keep_dropped(inputs, known_inputs)
        manager = manager_name(asked, state.manager, server_side_apply=self.settings.server_side_apply)
        stored = Stored(manager, state.initial_version or str(asked.get("apiVersion", "")), old)
        problem: PluginError | None = None
        if not from_cluster:
            try:
                check_ready(self.context(urn, asked, 0), asked, live)
            except PluginError as error:
                problem = error
        result = stored.properties(inputs, live)
        marked = mark_secrets(inputs, old)
        if problem is not None:
            reasons = [str(problem), *(problem.problems if isinstance(problem, NotReadyError) else [])]
            raise PartialError(identifier, str(problem), reasons, result, marked)
        return Reading(result, marked)

    @staticmethod
    def _identify(urn: str, identifier: str, inputs: Object, state: State) -> Object:
        namespace, object_name = parse_id(identifier)
        source = inputs if inputs.get("kind") else state.live
        gvk = GVK.of(source) if source.get("kind") else GVK.of_urn(urn)
        kind = gvk.kind
        if not source.get("kind") and kind.endswith("Patch"):
            kind = kind.removesuffix("Patch")
        asked = {**inputs, "apiVersion": gvk.api_version, "kind": kind}
        place = {"namespace": namespace} if namespace else {}
        return with_metadata(asked, name=object_name, **place)

    # ---- delete

    def delete(self, operation: Operation, identifier: str, properties: Object) -> None:
        """End the object, and wait until it is gone. An object that is not there is fine."""
        state = State.of(properties)
        namespace, object_name = parse_id(identifier)
        place = {"namespace": namespace} if namespace else {}
        obj = with_metadata(state.live, name=object_name, **place)
        manager = manager_name(state.inputs, state.manager, server_side_apply=self.settings.server_side_apply)
        writer = self._writer(operation.urn, state.inputs, manager)
        try:
            delete(self.context(operation.urn, state.inputs, operation.timeout), writer, state.inputs, obj)
        except NotReadyError as error:
            stored = Stored(manager, state.initial_version, properties)
            raise PartialError(
                identifier, str(error), [str(error), *error.problems], stored.properties(state.inputs, error.obj)
            ) from error


def with_identity(inputs: Object, live: Object) -> Object:
    """The inputs under the name and namespace that the object has."""
    known = meta(live)
    identity = {key: known[key] for key in ("name", "namespace") if known.get(key)}
    return with_metadata(inputs, **{**identity, **{k: v for k, v in meta(inputs).items() if k in identity and v}})


def importable(live: Object, asked: Object) -> Object:
    """Inputs for an object that the program does not know yet: all of it that is not the cluster's own."""
    if not GVK.of(live).built_in:
        return {key: asked[key] for key in ("apiVersion", "kind", "metadata") if key in asked}
    inputs = normalize({key: value for key, value in live.items() if key != "status"})
    metadata = dict(inputs["metadata"])
    for noise in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"):
        if isinstance(metadata.get("annotations"), dict):
            kept = {key: value for key, value in metadata["annotations"].items() if key != noise}
            metadata["annotations"] = kept
    return {**inputs, "metadata": metadata}
