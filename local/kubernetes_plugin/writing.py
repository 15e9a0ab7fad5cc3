"""Creating, updating and deleting objects, with the field managers that each way of writing calls for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from local.kubernetes_plugin.cluster import JSON_PATCH, MERGE, Cluster
from local.kubernetes_plugin.deprecated import DEPRECATED
from local.kubernetes_plugin.errors import ApiError, NoMatchError
from local.kubernetes_plugin.managers import adopt_fields, manages
from local.kubernetes_plugin.objects import (
    DELETION_PROPAGATION,
    GVK,
    PATCH_FORCE,
    annotation,
    is_crd,
    is_true,
    meta,
    name,
    namespace,
    pluck,
    with_metadata,
)
from local.kubernetes_plugin.settings import Settings
from local.kubernetes_plugin.undeclared import undeclared, without
from local.plugin.diffing import Path
from local.plugin.errors import PluginError
from local.plugin.host import INFO, WARNING, Log
from local.plugin.values import Json, Object

CLIENT_MANAGER: Final = "pulumi-kubernetes"
_RETRIES: Final = 5
_FIRST_PAUSE: Final = 2.0
_OWN_MANAGERS: Final = frozenset({"pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"})
T = TypeVar("T")


@dataclass(frozen=True)
class Update:
    """A change of an existing object. `old_inputs`: what the program said before; `ignored`: paths to leave alone."""

    inputs: Object
    old_inputs: Object
    live: Object
    ignored: Sequence[Path] = ()


@dataclass(frozen=True)
class Writer:
    """Writes one resource's object. `manager`: the field manager of server-side apply, as kept in the state.

    `pause` waits for seconds, or until everything is cancelled: then it gives back true.
    """

    cluster: Cluster
    settings: Settings
    log: Log
    manager: str
    patch: bool
    pause: Callable[[float], bool]

    def create(self, inputs: Object, *, dry_run: bool = False) -> Object:
        """Make the object, and give back what the API server made of it.

        A missing namespace or kind is retried for about a minute: it may be on its way. Raises `ApiError`
        (`AlreadyExists` if the object is there) and `NoMatchError`.
        """
        return self._retry(lambda: self._create(inputs, dry_run), dry_run)

    def _create(self, inputs: Object, dry_run: bool) -> Object:
        # Wait for a kind that the program itself defines, before calling it unknown.
        if not dry_run and self.cluster.announced(GVK.of(inputs)):
            self._until_served(GVK.of(inputs))
        if self.patch or self.settings.upsert:
            with conflict_explained(self.manager):
                return self.cluster.apply(inputs, self.manager, force=self._force(inputs), dry_run=dry_run)
        return self.cluster.create(inputs, CLIENT_MANAGER, dry_run=dry_run)

    def _until_served(self, gvk: GVK) -> None:
        for _ in range(20):
            if self.cluster.serves(gvk) or self.pause(0.25):
                return

    def _retry(self, attempt: Callable[[], T], dry_run: bool) -> T:
        pause = _FIRST_PAUSE
        for number in range(_RETRIES + 1):
            try:
                return attempt()
            except PluginError as error:
                if dry_run and isinstance(error, ApiError) and error.namespace_missing:
                    raise
                self.log.status(INFO, f"Retry #{number}; creation failed: {error}")
                missing = isinstance(error, NoMatchError) or (isinstance(error, ApiError) and error.code == 404)
                if not missing or number == _RETRIES or self._never_comes(error):
                    raise
                if self.pause(pause):
                    raise PluginError(f"cancelled while waiting to try again: {error}") from error
            pause *= 2
        raise AssertionError

    @staticmethod
    def _never_comes(error: PluginError) -> bool:
        """Whether the kind is missing because Kubernetes has removed it, not because its definition is on the way."""
        group, _, version = error.api_version.rpartition("/") if isinstance(error, NoMatchError) else ("", "", "")
        return (group, version) in DEPRECATED

    def update(self, change: Update, *, dry_run: bool = False) -> Object:
        """Change the live object to what the inputs say. Raises `ApiError`."""
        inputs, live = change.inputs, change.live
        if is_crd(inputs):
            version = meta(live).get("resourceVersion")
            return self.cluster.replace(with_metadata(inputs, resourceVersion=version), self.manager, dry_run=dry_run)
        if not self.settings.server_side_apply:
            patch = three_way_patch(change.old_inputs, keep_ignored(inputs, live, change.ignored), live)
            return self.cluster.patch(live, patch, MERGE, CLIENT_MANAGER, dry_run=dry_run)
        if not dry_run and not self.patch:
            live = self._adopt(live)
        inputs = leave_ignored(inputs, live, self.manager, change.ignored)
        force = self._force(inputs) or (dry_run and self._written_by_us(live))
        try:
            with conflict_explained(self.manager):
                return self.cluster.apply(inputs, self.manager, force=force, dry_run=dry_run)
        except ApiError as error:
            if dry_run and error.code == 422 and self._written_by_us(live):
                # Not adopted yet, so that fields which go are still there, and the kind may not take both (a oneOf).
                patch = three_way_patch(change.old_inputs, inputs, live)
                return self.cluster.patch(live, patch, MERGE, CLIENT_MANAGER, dry_run=True)
            unknown = undeclared(error.message) if GVK.of(inputs).built_in else []
            if not unknown:
                raise
        # It was created with these fields ignored: they must not make it impossible to change.
        self.log.keep(WARNING, f"ignoring fields that {inputs.get('kind')} does not have: {', '.join(unknown)}")
        with conflict_explained(self.manager):
            return self.cluster.apply(without(inputs, unknown), self.manager, force=force, dry_run=dry_run)

    def _adopt(self, live: Object) -> Object:
        """Make fields that were created by a plain write those of the apply manager, so that it may take them back."""
        adopted = adopt_fields(meta(live).get("managedFields") or [], self.manager)
        if adopted is None:
            return live
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": adopted},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": meta(live).get("resourceVersion")},
        ]
        return self.cluster.patch(live, patch, JSON_PATCH)

    def _written_by_us(self, live: Object) -> bool:
        entries = meta(live).get("managedFields") or []
        return any(entry.get("operation") == "Update" and entry.get("manager") in _OWN_MANAGERS for entry in entries)

    def _force(self, inputs: Object) -> bool:
        return is_true(inputs, PATCH_FORCE) or self.settings.patch_force

    def relinquish(self, obj: Object, manager: str) -> None:
        """Give back every field that `manager` holds; fields that nobody else holds go. Raises `ApiError`."""
        bare = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {"name": name(obj)}}
        if namespace(obj):
            bare = with_metadata(bare, namespace=namespace(obj))
        self.cluster.apply(bare, manager, force=False)

    def delete(self, inputs: Object, obj: Object) -> None:
        """Ask for the object's end, by default only after that of what it owns."""
        policies = {"orphan": "Orphan", "background": "Background"}
        self.cluster.delete(obj, policies.get(annotation(inputs, DELETION_PROPAGATION).lower(), "Foreground"))


class conflict_explained:  # noqa: N801 - reads as a statement
    """Turns a field conflict into an error that says whose fields these are and what can be done."""

    def __init__(self, manager: str) -> None:
        self._manager = manager

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ApiError) and error.code == 409 and error.reason == "Conflict":
            raise PluginError(
                "server-side apply field conflict detected: another manager has set fields that are set here too\n"
                f'The resource managed by field manager "{self._manager}" had an apply conflict: {error}\n'
                "To take the fields over, set the annotation pulumi.com/patchForce or the provider argument "
                "enablePatchForce to true; to leave them alone, name them in ignoreChanges or drop them here."
            ) from error


def three_way_patch(old: Json, new: Json, live: Json) -> Object:
    """A JSON merge patch that sets what `new` says and removes what only `old` said."""
    patch: Object = {}
    for key, value in new.items():
        current = live.get(key) if isinstance(live, dict) else None
        if isinstance(value, dict):
            before = old.get(key) if isinstance(old, dict) else None
            known = current if isinstance(current, dict) else {}
            inner = three_way_patch(before if isinstance(before, dict) else {}, value, known)
            if inner or not isinstance(current, dict):
                patch[key] = inner
        elif value != current:
            patch[key] = value
    for key in old if isinstance(old, dict) else {}:
        if key not in new and isinstance(live, dict) and key in live:
            patch[key] = None
    return patch


def keep_ignored(inputs: Object, live: Object, ignored: Sequence[Path]) -> Object:
    """The inputs with the live values of ignored paths."""
    inputs = copy.deepcopy(inputs)
    for path in ignored:
        value = pluck(live, *map(str, path))
        if value is not None and path:
            _set(inputs, path, value)
    return inputs


def leave_ignored(inputs: Object, live: Object, manager: str, ignored: Sequence[Path]) -> Object:
    """The inputs without ignored paths that someone else manages, and with the live values of the others."""
    inputs = copy.deepcopy(inputs)
    entries = meta(live).get("managedFields") or []
    for path in ignored:
        keys = [str(part) for part in path]
        ours = any(manages(entry, keys) for entry in entries if entry.get("manager") == manager)
        theirs = any(manages(entry, keys) for entry in entries if entry.get("manager") != manager)
        if theirs and not ours:
            parent = pluck(inputs, *keys[:-1])
            if isinstance(parent, dict):
                parent.pop(keys[-1], None)
        else:
            value = pluck(live, *keys)
            if value is not None:
                _set(inputs, path, value)
    return inputs


def _set(obj: Object, path: Path, value: Json) -> None:
    for part in path[:-1]:
        inner = obj.setdefault(str(part), {})
        if not isinstance(inner, dict):
            return
        obj = inner
    obj[str(path[-1])] = copy.deepcopy(value)
