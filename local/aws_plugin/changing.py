"""What changes between a resource's inputs, which changes make a new one, and the calls that make the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.aws_plugin.calls import Caller, named_in
from local.aws_plugin.resource import Resource, with_attributes
from local.aws_plugin.same import same
from local.plugin.diffing import Change, Difference, Path, covers, walk
from local.plugin.errors import PartialError, PluginError
from local.plugin.values import Json, Object, has_unknown, mark_secrets, plain


@dataclass(frozen=True)
class Comparison:
    """What changes. `replaces`: the properties that make a new resource necessary."""

    differences: list[Difference]
    replaces: list[str]
    delete_first: bool


@dataclass(frozen=True)
class Changer:
    """Compares and updates one resource."""

    resource: Resource

    def compare(self, old: Object, new: Object, ignored: Sequence[Path] = ()) -> Comparison:
        """What an update would change. Raises `PluginError` where nobody can tell what a removed property becomes."""
        before, after = plain(_given(old)), plain(_given(new))
        caller = self.resource.caller(after)
        differences: list[Difference] = []
        for name in sorted({*before, *after}):
            if any(covers(path, (name,)) for path in ignored) or _unchanged(before, after, name):
                continue
            found = self._of(name, before, after, caller)
            differences += [item for item in found if not any(covers(path, item.path) for path in ignored)]
        replaces = sorted({item.text for item in differences if item.replaces})
        return Comparison(differences, replaces, bool(replaces) and self._in_its_way(before, after))

    def _of(self, name: str, before: Object, after: Object, caller: Caller) -> list[Difference]:
        if name not in before:
            return [Difference((name,), Change.ADD, self._replaces((name,), caller))]
        if name not in after:
            replaces = self._replaces((name,), caller)
            if not replaces:
                self._must_know_without(name, before[name])
            return [Difference((name,), Change.DELETE, replaces)]
        walked = list(walk((name,), before[name], after[name])) or [((name,), Change.UPDATE, None)]
        return [Difference(path, change, self._replaces(path, caller)) for path, change, _ in walked]

    def _must_know_without(self, name: str, value: Json) -> None:
        row = self.resource.row
        part = self.resource.part_of(name)
        if name in ("tags", "region") or name in row.local or part is not None or name in row.empty:
            return
        if value in ("", [], {}, False, None):
            return
        raise PluginError(
            f"{name!r} of {self.resource.token} was taken out of the program, and the plugin does not know what the "
            f"account would have without it: give it the value that it shall have"
        )

    def _replaces(self, path: Path, caller: Caller) -> bool:
        row, dotted = self.resource.row, ".".join(part for part in path if isinstance(part, str))
        if any(dotted == name or dotted.startswith(f"{name}.") for name in row.replace):
            return True
        name = str(path[0])
        if name == "region":
            return True
        return not (name == "tags" or name in row.local or self.resource.part_of(name) or self._updatable(name, caller))

    def _updatable(self, name: str, caller: Caller) -> bool:
        update = self.resource.row.update
        if update is None or name in self.resource.row.create_only:
            return False
        return name in self.resource.row.carried or name in named_in(update) or caller.takes(update, name)

    def _in_its_way(self, before: Object, after: Object) -> bool:
        """Whether the new one could not be made beside the old one, as both have the same name."""
        row = self.resource.row
        if "$" in row.id:
            old, new = (self.resource.caller(values).fill(row.id, values) for values in (before, after))
            return bool(old == new)
        named = row.autoname
        return bool(named) and before.get(named) == after.get(named) and "__autoname" not in after

    # ---- update

    def update(self, identifier: str, state: Object, old: Object, new: Object) -> Object:
        """Make the changes. Gives back what to store. Raises `PartialError` when it stopped on the way."""
        before, after = plain(_given(old)), plain(_given(new))
        changed = {name for name in {*before, *after} if not _unchanged(before, after, name)}
        resource = self.resource
        known = resource.prepare({**plain(state), **after, **resource.words_of(identifier)})
        caller = resource.caller({**state, **new}, identifier)
        try:
            self._whole(changed, known, after, caller)
            self._parts(changed, known, after, caller)
            if "tags" in changed:
                self._tags(before.get("tags") or {}, after.get("tags") or {}, known, caller)
            resource.settle(identifier, new)
            resource._await_ready(identifier, known)
            return resource.outputs(new, resource._require(identifier, known))
        except PluginError as error:
            raise PartialError(identifier, str(error), [str(error)], mark_secrets(dict(state), old), old) from error

    def _whole(self, changed: set[str], known: Object, after: Object, caller: Caller) -> None:
        row = self.resource.row
        update = row.update
        if update is None:
            return
        own = {
            name
            for name in changed
            if name not in row.local and name != "tags" and not self.resource.part_of(name)
            and self._updatable(name, caller)
        }  # fmt: skip
        if not own:
            return
        apart = {*named_in(update), *row.replace, *row.carried, *row.local, *row.create_only, "tags", "region"}
        fields = {
            name: value
            for name, value in after.items()
            if name not in apart and not self.resource.part_of(name) and caller.takes(update, name)
        }
        emptied = {name: row.empty[name] for name in own if name not in after and name in row.empty}
        caller.run(update, {**known, **emptied}, {**fields, **emptied})

    def _parts(self, changed: set[str], known: Object, after: Object, caller: Caller) -> None:
        for part in self.resource.row.parts:
            if not changed.intersection(part.props):
                continue
            call = part.call(after)
            if call is not None and any(name in after for name in part.props):
                present = {key: value for key, value in known.items() if key not in part.props or key in after}
                caller.run(call, with_attributes(part, present))
            elif part.unset is not None:
                caller.run(part.unset, known)
            else:
                raise PluginError(
                    f"{', '.join(part.props)} of {self.resource.token} cannot be taken away: give the value to have"
                )

    def _tags(self, before: Mapping[str, str], after: Mapping[str, str], known: Object, caller: Caller) -> None:
        tagging = self.resource.row.tagging
        if tagging is None:
            raise PluginError(f"{self.resource.token} has no tags")
        removed = sorted(set(before) - set(after))
        added = {key: value for key, value in after.items() if before.get(key) != value}
        if tagging.whole and after:
            removed, added = [], dict(after)
        if removed:
            caller.run(tagging.remove, {**known, "keys": removed})
        if added:
            caller.run(tagging.add, {**known, "all": added})

    def preview(self, state: Object, new: Object) -> Object:
        """What is known of the resource before the update."""
        return {**{key: value for key, value in state.items() if not key.startswith("__")}, **new}


def _given(properties: Object) -> Object:
    return {key: value for key, value in properties.items() if not key.startswith("__")}


def _unchanged(before: Object, after: Object, name: str) -> bool:
    if name not in before or name not in after:
        return before.get(name) is None and after.get(name) is None
    if has_unknown(after[name]):
        return False
    if name == "tags":
        return bool(before[name] == after[name])
    return same(before[name], after[name]) and same(after[name], before[name])
