"""The table of types (`types/*.yaml`): which calls make, read, change and end a resource.  (docs/aws-plugin.md)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from local.aws_plugin.shapes import Names
from local.plugin.errors import PluginError
from local.plugin.values import Json

FOLDER = Path(__file__).parent / "types"

# One operation of the API with a template of its parameters: `$name` stands for a property's value.
Call = dict[str, dict[str, Json] | None]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Row):
    """Some properties that have calls of their own, beside those of the whole.

    `set` is called once the resource is there and whenever one of `props` changes, `unset` when all of them are gone,
    `otherwise` in place of `set` where the first of them is false; `get` and `at` tell where they are read, `missing`
    which error means that there are none. A part without `set` is only read.
    """

    props: tuple[str, ...]
    set: Call | None = None
    unset: Call | None = None
    otherwise: Call | None = None
    get: Call | None = None
    at: str = "@"
    outputs: Mapping[str, str] = Field(default_factory=dict)
    attributes: Mapping[str, str] = Field(default_factory=dict)  # property's path → key in a list of keys with values
    missing: tuple[str, ...] = ()
    after_create: bool = True

    def call(self, properties: Mapping[str, Json]) -> Call | None:
        """What sets the part to these properties."""
        return self.otherwise if self.otherwise is not None and properties.get(self.props[0]) is False else self.set


class Ready(_Row):
    """When a resource is ready for others: the value at `at` is one of `is`; never again if it is one of `failed`."""

    at: str
    states: tuple[str, ...] = Field(alias="is")
    failed: tuple[str, ...] = ()


class Tagging(_Row):
    """How tags are changed and, where reading the resource does not tell them, read. `$all`: tags; `$keys`: names."""

    add: Call
    remove: Call
    read: Call | None = None
    at: str = "Tags"
    on_create: bool = True
    whole: bool = False  # adding replaces all tags there are


class Type(_Row):
    """One type of resource. See docs/aws-plugin.md for what each key means."""

    api: str
    region: str = ""  # where the API always is, whatever the resource's region
    handler: str = ""
    create: Call
    id: str
    read: Call
    at: str = "@"
    update: Call | None = None
    release: Call | None = None  # before the end
    delete: Call | None = None
    missing: tuple[str, ...] = ()
    gone_when: str = ""
    names: Mapping[str, str] = Field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    documents: frozenset[str] = frozenset()
    outputs: Mapping[str, str] = Field(default_factory=dict)
    replace: tuple[str, ...] = ()
    local: tuple[str, ...] = ()  # for this plugin alone, such as how to delete
    carried: tuple[str, ...] = ()  # sent by the handler's own words
    write_only: tuple[str, ...] = ()  # the API does not tell them
    defaults: Mapping[str, Json] = Field(default_factory=dict)
    left_behind: bool = False  # its end leaves something to be read
    tag_member: str = "tags"
    create_only: tuple[str, ...] = ()
    empty: Mapping[str, Json] = Field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    ready: Ready | None = None
    autoname: str = ""
    tagging: Tagging | None = None
    tag_specification: str = ""
    prefix: str | None = None
    find: Call | None = None
    find_at: str = ""

    def naming(self, token: str) -> Names:
        """The names of this type's properties in the API."""
        prefix = token.rpartition(":")[2] if self.prefix is None else self.prefix
        return Names(prefix, self.names, self.values, self.documents)


def type_of(token: str) -> Type:
    """The row of a type. Raises `PluginError` for one that the table does not have."""
    rows = _rows(token.removeprefix("aws:").partition("/")[0])
    if token not in rows:
        raise PluginError(
            f"the plugin has no type {token}: add it to local/aws_plugin/types, or use the vendor's plugin"
        )
    return rows[token]


def tokens() -> Iterator[str]:
    """All types there are."""
    for file in sorted(FOLDER.glob("*.yaml")):
        yield from sorted(_rows(file.stem))


@cache
def _rows(module: str) -> Mapping[str, Type]:
    file = FOLDER / f"{module}.yaml"
    if not file.is_file():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506 - a safe loader in either case
    document.pop("shared", None)  # anchors that rows merge
    return {token: Type.model_validate(row) for token, row in document.items()}
