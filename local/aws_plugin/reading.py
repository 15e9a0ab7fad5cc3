"""A resource as the account has it, in the form of its type's properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import jmespath

from local.aws_plugin.calls import ABSENT, Caller
from local.aws_plugin.journal import TOKEN_TAG
from local.aws_plugin.schema import ANY, Schema
from local.aws_plugin.shapes import as_map, find, from_api
from local.aws_plugin.table import Part, Type
from local.plugin.values import Json, Object

_OWN = {"tags", "tagsAll", "region", "id"}


def properties_of(identifier: str, template: str) -> Object:
    """The properties that an id is made of: `a/b` of `${role}/${policy}`; none where it is the API's own."""
    if "$" not in template:
        return {}
    names = re.findall(r"\$\{?([A-Za-z]+)\}?", template)
    pattern = re.sub(r"\\\$(\\\{)?[A-Za-z]+(\\\})?", "(.+?)", re.escape(template))
    found = re.fullmatch(pattern, identifier)
    return dict(zip(names, found.groups(), strict=True)) if found else {}


class Reader:
    """Reads one resource."""

    def __init__(self, row: Type, schema: Schema, caller: Caller, adapt: Callable[[Object, Object], Object]) -> None:
        self._row, self._schema, self._caller, self._adapt = row, schema, caller, adapt

    def live(self, known: Mapping[str, Json]) -> Object | None:
        """Its properties; None where it is not there. What the API does not tell is left out."""
        found = self._found(known)
        if found is None:
            return None
        live = self._own(found, known)
        for part in self._row.parts:
            live |= self._of_part(part, {**known, **live})
        return live | self._tags(found, {**known, **live})

    def state(self, known: Mapping[str, Json]) -> Json:
        """What tells whether it is ready, or is gone; None where it is not there."""
        found = self._found(known)
        if found is None:
            return None
        return jmespath.search(self._row.ready.at, found) if self._row.ready else "there"

    def _found(self, known: Mapping[str, Json]) -> Json:
        found = self._caller.ask(self._row.read, self._row.at, known, self._row.missing)
        if isinstance(found, dict):
            found = self._adapt(found, dict(known))
        gone = self._row.gone_when and found is not None and jmespath.search(self._row.gone_when, found)
        return None if gone else found

    def _own(self, found: Json, known: Mapping[str, Json]) -> Object:
        live: Object = {"region": self._caller.region} if "region" in self._schema.outputs else {}
        parts = {name for part in self._row.parts if part.get is not None for name in part.props}
        for name, kind in self._schema.outputs.items():
            if (
                name in _OWN
                or name in parts
                or name in self._row.outputs
                or name in self._row.write_only
                or not isinstance(found, dict)
            ):
                continue
            member = self._caller.names.member(name, found)
            if member is not None and found[member] is not None:
                live[name] = from_api(found[member], kind, self._caller.names, name)
        for name, path in self._row.outputs.items():
            value = self._computed(path, found, {**known, **live})
            if value is not ABSENT and value is not None:
                live[name] = self._form(name, value)
        return live

    def _computed(self, path: str, found: Json, known: Mapping[str, Json]) -> Json:
        filled = self._caller.fill(path, known) if "$" in path else path
        if filled is ABSENT or ("$" in path and not path.startswith("@")):
            return filled
        return jmespath.search(str(filled).removeprefix("@@"), found)

    def _form(self, name: str, value: Json) -> Json:
        return from_api(value, self._schema.outputs.get(name, ANY), self._caller.names, name)

    def _of_part(self, part: Part, known: Mapping[str, Json]) -> Object:
        if part.get is None:
            return {}
        found = self._caller.ask(part.get, part.at, known, part.missing)
        live: Object = {}
        if part.attributes:
            return self._attributes(part, as_map(found or []))
        for name in part.props:
            if name in part.outputs:
                value = jmespath.search(part.outputs[name], found) if found is not None else None
            else:
                member = self._caller.names.member(name, found) if isinstance(found, dict) else None
                value = found[member] if member is not None else None
            live[name] = None if value is None else self._form(name, value)
        return live

    def _attributes(self, part: Part, found: Mapping[str, Json]) -> Object:
        live: Object = {}
        for path, key in part.attributes.items():
            if key not in found:
                continue
            name, _, member = path.partition(".")
            kind = self._schema.outputs.get(name, ANY)
            if member:
                live.setdefault(name, {})[member] = from_api(
                    found[key], kind.members.get(member, ANY), self._caller.names
                )
            else:
                live[name] = from_api(found[key], kind, self._caller.names)
        return live

    def _tags(self, found: Json, known: Mapping[str, Json]) -> Object:
        tagging = self._row.tagging
        if tagging is None or "tags" not in self._schema.outputs:
            return {}
        if tagging.read is not None:
            listed = self._caller.ask(tagging.read, tagging.at, known, (*self._row.missing, "NoSuchTagSet"))
        else:
            member = find("tags", found) or find("tagSet", found) or find("tagList", found)
            listed = found[member] if member is not None else None
        tags = own_tags(as_map(listed or {}))
        return {"tags": tags, "tagsAll": tags}


def own_tags(tags: Mapping[str, str]) -> Object:
    """The tags that the program gave: not this plugin's, nor those that only AWS may set."""
    return {key: value for key, value in tags.items() if key != TOKEN_TAG and not key.startswith("aws:")}
