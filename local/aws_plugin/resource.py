"""The life of one resource by its row of the table: checked, made, read, changed, compared and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import jmespath

from groundwork.waiting import wait_until
from local.aws_plugin.account import Account
from local.aws_plugin.calls import Caller, UnmappedError, inside, named_in, whole_in
from local.aws_plugin.ending import PATIENCE, end
from local.aws_plugin.journal import TOKEN_TAG, Journal
from local.aws_plugin.reading import Reader, properties_of
from local.aws_plugin.same import seen
from local.aws_plugin.schema import Form, Schema, schema_of
from local.aws_plugin.table import Call, Part, Type, type_of
from local.plugin.errors import PartialError, PluginError
from local.plugin.naming import NamingRequest, unique_name
from local.plugin.values import UNKNOWN, Json, Object, Secret, has_secret, mark_secrets, plain

_BY_OTHERS = frozenset({"region", "tags", "tagsAll"})


def type_name(urn: str) -> str:
    """The type's token in a URN."""
    return urn.split("::")[2].rpartition("$")[2]


@dataclass(frozen=True)
class Resource:
    """One resource. `urn`: the engine's name of it; `journal`: where its making is noted."""

    urn: str
    account: Account
    journal: Journal = field(default_factory=lambda: Journal(None))
    timeout: float = 0.0

    @property
    def token(self) -> str:
        """Its type."""
        return type_name(self.urn)

    @cached_property
    def row(self) -> Type:
        """Its type's row. Raises `PluginError` for an unknown type."""
        return type_of(self.token)

    @cached_property
    def schema(self) -> Schema:
        """Its type's properties."""
        return schema_of(self.token)

    # ---- who calls, with what

    def caller(self, properties: Mapping[str, Json], identifier: str = "", token: str = "") -> Caller:
        """Calls for this resource. `token`: what makes a repeated creation harmless, where the API takes one."""
        region = self.row.region or str(plain(properties.get("region")) or self.account.region)
        names = self.row.naming(self.token)
        words: dict[str, Json] = {
            "region": region,
            "partition": "aws",
            "account": lambda: self.account.number,
            "token": token or None,
            "logical": self.urn.rpartition("::")[2],
        }
        if identifier:
            words["id"] = identifier
        caller = Caller(self.account, self.row.api, region, names, words, tuple(secrets_in(properties)))
        return replace(caller, words={**words, "arn": lambda: self._arn(caller, properties, identifier)})

    def _arn(self, caller: Caller, properties: Mapping[str, Json], identifier: str) -> Json:
        if identifier.startswith("arn:"):
            return identifier
        template = self.row.outputs.get("arn", "")
        known = plain(properties.get("arn"))
        return known or (caller.text(template, plain(dict(properties))) if "$" in template else None)

    # ---- check

    def check(self, old: Object, new: Object, naming: NamingRequest) -> tuple[Object, list[tuple[str, str]]]:
        """The inputs to store, and what is wrong with them: pairs of property and reason."""
        inputs = {**self.row.defaults, **{key: value for key, value in new.items() if not key.startswith("__")}}
        named = self.row.autoname
        if named and named not in inputs:
            kept = plain(old.get(named)) if "__autoname" in old else None
            inputs |= {
                named: kept or naming.proposed or unique_name(f"{naming.base}-", naming.seed),
                "__autoname": True,
            }
        if "tags" in self.schema.inputs and self.row.tagging is not None:
            tags = inputs.get("tags", {})
            if isinstance(plain(tags), dict) and self.account.settings.default_tags:
                inputs["tags"] = {**self.account.settings.default_tags, **tags}
        return inputs, [*self._unfit(inputs), *self._unmapped(inputs), *self.refuse(plain(inputs))]

    def _unfit(self, inputs: Object) -> list[tuple[str, str]]:
        schema = self.schema
        given = {key for key in inputs if not key.startswith("__")}
        unknown = [(key, f"{self.token} has no property {key!r}") for key in sorted(given - schema.inputs)]
        missing = [(key, f"{self.token} needs {key!r}") for key in sorted(schema.required - given)]
        return unknown + missing

    def _unmapped(self, inputs: Object) -> list[tuple[str, str]]:
        given = plain(inputs)
        left = self._left_inside(given)
        if left:
            return [(path, f"the plugin has no call for the property {path!r} of {self.token}") for path in left]
        try:
            values = self.prepare(given)
            caller = self.caller(values, "id")
            caller.parameters(self.row.create, values, self._fields(values))
            for part in self.row.parts:
                call = part.call(values)
                if call is not None and any(name in values for name in part.props):
                    caller.parameters(call, with_attributes(part, values))
        except UnmappedError as error:
            return [(error.path, f"the plugin has no call for the property {error.path!r} of {self.token}")]
        except PluginError as error:
            return [("", f"{self.token}: {error}")]
        return []

    def _left_inside(self, values: Mapping[str, Json]) -> list[str]:
        """Members of blocks that the templates take apart, and that none of them names."""
        calls = [self.row.create, *(part.set for part in self.row.parts)]
        named: dict[str, set[str]] = {}
        for call in calls:
            for name, members in inside(call).items():
                named.setdefault(name, set()).update(members)
        for part in self.row.parts:
            for path in part.attributes:
                name, _, member = path.partition(".")
                if member:
                    named.setdefault(name, set()).add(member)
        whole = {name for call in calls for name in whole_in(call)} | set(self._fields(dict(values)))
        return [
            f"{name}.{key}"
            for name, members in named.items()
            if name not in whole and isinstance(values.get(name), dict)
            for key in values[name]
            if key not in members
        ]

    def refuse(self, inputs: Object) -> list[tuple[str, str]]:  # noqa: ARG002 - for those who need it
        """What else is wrong with the inputs."""
        return []

    def prepare(self, properties: Object) -> Object:
        """The properties, and what templates name beside them."""
        return properties

    def adapt(self, found: Object, known: Object) -> Object:  # noqa: ARG002 - for those who need it
        """What the API answered, before it is taken for properties."""
        return found

    def identify(self, answer: Object, properties: Object) -> str:
        """The id, out of the answer to the creation. Raises `PluginError` where there is none."""
        if "$" in self.row.id:
            return self.caller(properties).text(self.row.id, properties)
        found = jmespath.search(self.row.id, answer)
        if not found:
            raise PluginError(f"{self.token}: the API gave no id: {answer}")
        return str(found)

    def _fields(self, properties: Mapping[str, Json]) -> Object:
        """What the creating call takes beside its template."""
        row = self.row
        apart = {name for part in row.parts if part.after_create and part.set for name in part.props}
        apart |= named_in(row.create) | set(row.local) | set(row.carried) | _BY_OTHERS
        return {key: value for key, value in properties.items() if key not in apart and not key.startswith("__")}

    # ---- create

    def create(self, given: Object) -> tuple[str, Object]:
        """Make it. Gives back its id and what to store.

        Raises `PartialError` when it is there but not whole, `CallError` when it was refused.
        """
        inputs = self.prepare(plain(given))
        entry = self.journal.begin(self.urn)
        try:
            answer = self._make(inputs, given, entry.token)
        except PluginError:
            self.journal.forget(self.urn)
            raise
        identifier = self.identify(answer, inputs)
        self.journal.made(entry, identifier)
        try:
            self._finish(identifier, given)
            return identifier, self.outputs(given, self._require(identifier, inputs))
        except PluginError as error:
            raise PartialError(identifier, str(error), [str(error)], given) from error

    def _make(self, inputs: Object, given: Object, token: str) -> Object:
        caller = self.caller(given, token=token)
        call, fields = self.row.create, self._fields(inputs)
        operation, parameters = caller.parameters(call, inputs, fields)
        parameters |= self._tags_at_creation(caller, call, plain(inputs.get("tags")) or {}, token)
        return self.account.call(self.row.api, operation, parameters, caller.region, caller.secrets)

    def _tags_at_creation(self, caller: Caller, call: Call, tags: Mapping[str, str], token: str) -> Object:
        row = self.row
        if row.tagging is None or not row.tagging.on_create:
            return {}
        marked = {**tags, **({TOKEN_TAG: token} if self.journal.folder is not None else {})}
        if not marked:
            return {}
        if row.tag_specification:
            rows = [{"Key": key, "Value": value} for key, value in marked.items()]
            return {"TagSpecifications": [{"ResourceType": row.tag_specification, "Tags": rows}]}
        return caller.parameters({next(iter(call)): {row.tag_member: "$all"}}, {"all": marked})[1]

    def _finish(self, identifier: str, given: Object) -> None:
        inputs = self.prepare(plain(given))
        caller = self.caller(given, identifier)
        self._await_ready(identifier, inputs)
        for part in self.row.parts:
            call = part.call(inputs)
            if call is not None and part.after_create and any(name in inputs for name in part.props):
                caller.run(call, with_attributes(part, inputs))
        tagging = self.row.tagging
        if tagging is not None and not tagging.on_create and inputs.get("tags"):
            caller.run(tagging.add, {**self.words_of(identifier), **inputs, "all": inputs["tags"]})
        self.settle(identifier, given)

    def settle(self, identifier: str, given: Object) -> None:
        """What is left to do once it is made or changed."""

    def _await_ready(self, identifier: str, inputs: Object) -> None:
        ready = self.row.ready
        if ready is None:
            return
        reader, last = self.reader(inputs, identifier), [""]
        known = self.known(identifier, inputs)

        def is_ready() -> bool:
            last[0] = str(reader.state(known))
            if last[0] in ready.failed:
                raise PluginError(f"{self.token} {identifier} is {last[0]}")
            return last[0] in ready.states

        if not wait_until(is_ready, self.timeout or PATIENCE):
            raise PluginError(f"{self.token} {identifier} is {last[0]} still, not {' or '.join(ready.states)}")

    # ---- read

    def known(self, identifier: str, properties: Mapping[str, Json]) -> Object:
        """What templates may name: the properties, and those that the id is made of."""
        return self.prepare(
            {**properties_of(identifier, self.row.id), **plain(dict(properties)), **self.words_of(identifier)}
        )

    def words_of(self, identifier: str) -> Object:  # noqa: ARG002 - for those who need it
        """What templates may name that is made of the id."""
        return {}

    def reader(self, properties: Mapping[str, Json], identifier: str) -> Reader:
        """What reads it."""
        return Reader(self.row, self.schema, self.caller(properties, identifier), self.adapt)

    def live(self, identifier: str, properties: Mapping[str, Json]) -> Object | None:
        """Its properties as the account has them; None where it is not there."""
        known = self.known(identifier, properties)
        return self.reader(known, identifier).live(known)

    def _require(self, identifier: str, properties: Mapping[str, Json]) -> Object:
        live = self.live(identifier, properties)
        if live is None:
            raise PluginError(f"{self.token} {identifier} was made, and is not there")
        return live

    def outputs(self, given: Object, live: Object) -> Object:
        """What to store: the inputs as they were given where they still mean the same, and all else that was read."""
        inputs = seen(given, live)
        if self.row.tagging is not None and "tagsAll" in self.schema.outputs:
            live = {"tagsAll": inputs.get("tags", {}), **live}
        found = {key: value for key, value in live.items() if key not in inputs and value is not None and key[0] != "_"}
        # A text that the API does not tell is empty: left out, it would be unknown at every preview.
        texts = (name for name, kind in self.schema.outputs.items() if kind.form is Form.TEXT)
        found = {**{name: "" for name in texts if name not in self.schema.inputs}, **found}
        hidden = secrets_in(given)
        # What was given as a secret is one also where the API repeats it elsewhere.
        marked = {key: Secret(value) if _shows(value, hidden) else value for key, value in found.items()}
        shown = {key: _with_computed(value, live.get(key)) for key, value in inputs.items()}
        return mark_secrets({**marked, **shown}, given)

    def imported(self, identifier: str, live: Object) -> Object:
        """Inputs for a resource that no program knew before."""
        known = {**properties_of(identifier, self.row.id), **live}
        return {
            key: value
            for key, value in known.items()
            if key in self.schema.inputs and value not in (None, "", [], {}) and key != "region"
        }

    # ---- delete

    def delete(self, identifier: str, properties: Mapping[str, Json]) -> None:
        """End it, and wait until it is gone. One that is not there is fine."""
        if self.row.delete is not None:
            end(self, self.row.delete, identifier, self.known(identifier, properties))
        self.journal.forget(self.urn)

    def preview(self, given: Object) -> Object:
        """What is known before it is made."""
        more = {"tagsAll": given.get("tags", {})} if "tagsAll" in self.schema.outputs else {}
        return {**more, **given}

    def part_of(self, name: str) -> Part | None:
        """The part that carries a property; None where the whole does."""
        return next((part for part in self.row.parts if name in part.props), None)


def with_attributes(part: Part, properties: Mapping[str, Json]) -> Object:
    """The properties, and those of them that the part's call sends as keys with values."""
    found: Object = {}
    for path, key in part.attributes.items():
        name, _, member = path.partition(".")
        value = properties.get(name)
        value = value.get(member) if member and isinstance(value, dict) else value
        if value is not None:
            found[key] = value
    return {**properties, "_attributes": found} if part.attributes else dict(properties)


def _shows(value: Json, secrets: list[str]) -> bool:
    if isinstance(value, dict):
        return any(_shows(item, secrets) for item in value.values())
    if isinstance(value, list):
        return any(_shows(item, secrets) for item in value)
    return isinstance(value, str) and any(secret in value for secret in secrets if secret)


def secrets_in(properties: Mapping[str, Json]) -> list[str]:
    """The texts that no message may show."""
    found: list[str] = []

    def visit(value: Json, secret: bool) -> None:
        if isinstance(value, Secret):
            visit(value.value, True)
        elif isinstance(value, dict):
            for item in value.values():
                visit(item, secret)
        elif isinstance(value, list):
            for item in value:
                visit(item, secret)
        elif secret and isinstance(value, str):
            found.append(value)

    if has_secret(dict(properties)):
        visit(dict(properties), False)
    return found


__all__ = ["UNKNOWN", "Resource", "secrets_in", "type_name"]


def _with_computed(given: Json, live: Json) -> Json:
    """A block as it was given, with what the API alone says of it: a cluster's `vpcConfig` has its security group."""
    if not isinstance(given, dict) or not isinstance(live, dict):
        return given
    return {**{key: value for key, value in live.items() if value is not None}, **given}
