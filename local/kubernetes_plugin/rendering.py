"""Manifests in a folder in place of objects in a cluster (`renderYamlToDirectory`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from local.kubernetes_plugin.diffing import to_object
from local.kubernetes_plugin.objects import is_crd, name, namespace, qualified_name
from local.kubernetes_plugin.provider import Operation
from local.kubernetes_plugin.state import State, Stored, manager_name
from local.plugin.errors import PluginError
from local.plugin.host import INFO, WARNING, Log
from local.plugin.values import Object, has_secret


@dataclass(frozen=True)
class Renderer:
    """Writes one file per object: definitions in `0-crd`, everything else in `1-manifest`."""

    directory: str

    def path(self, obj: Object) -> Path:
        """Where the object's manifest is."""
        version = str(obj.get("apiVersion", "")).replace("/", "_").replace(":", "_")
        kind = str(obj.get("kind", "")).lower()
        folder = "0-crd" if is_crd(obj) else "1-manifest"
        return Path(self.directory) / folder / f"{version}-{kind}-{namespace(obj) or 'default'}-{name(obj)}.yaml"

    def create(self, operation: Operation, properties: Object, log: Log) -> tuple[str, Object]:
        """Write a new manifest. Gives back its ID and what to store."""
        obj = to_object(properties)
        stored = Stored(manager_name(obj, "", server_side_apply=True), str(obj.get("apiVersion", "")), properties)
        if operation.preview:
            return "", properties
        self._write(obj, properties, log)
        return qualified_name(obj), stored.properties(obj, obj)

    def update(self, operation: Operation, old: Object, new: Object, log: Log) -> Object:
        """Write a manifest anew. Gives back what to store."""
        obj, state = to_object(new), State.of(old)
        if operation.preview:
            return new
        if self.path(obj) != self.path(state.live):
            self.path(state.live).unlink(missing_ok=True)
        self._write(obj, new, log)
        manager = manager_name(obj, state.manager, server_side_apply=True)
        return Stored(manager, state.initial_version, new).properties(obj, obj)

    def _write(self, obj: Object, properties: Object, log: Log) -> None:
        path = self.path(obj)
        if has_secret(properties):
            log.keep(WARNING, f"rendered file {path} contains a secret value in plaintext")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_suffix(".tmp")
            draft.touch(mode=0o600)
            draft.write_text(yaml.safe_dump(obj, sort_keys=True))
            draft.replace(path)
        except OSError as error:
            raise PluginError(f'failed to write YAML file: "{path}": {error}') from error
        log.status(INFO, f"rendered {path}")

    def delete(self, properties: Object, log: Log) -> None:
        """Remove the manifest, if it is there."""
        path = self.path(State.of(properties).live)
        path.unlink(missing_ok=True)
        log.status(INFO, f"deleted {path}")
