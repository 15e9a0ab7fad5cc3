"""The platform's kinds in a cluster: Tenant, ApiKey and Domain.  (docs/access.md)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions.v1 import (
    CustomResourceColumnDefinitionArgs,
    CustomResourceDefinition,
    CustomResourceDefinitionNamesArgs,
    CustomResourceDefinitionSpecArgs,
    CustomResourceDefinitionVersionArgs,
    CustomResourceSubresourcesArgs,
    CustomResourceValidationArgs,
    JSONSchemaPropsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.labels import platform_labels
from components.platform.specs import GROUP, KINDS, VERSION, Kind, Shape

Schema = Mapping[str, JsonValue]
# JSON Schema words that a structural schema of Kubernetes does not have or that mean nothing there.
_DROPPED = {"$defs", "title", "const", "additionalProperties", "default"}


@dataclass(frozen=True, kw_only=True)
class PlatformArgs:
    """Where the kinds are made."""

    environment: str


class Platform(pulumi.ComponentResource):
    """The platform's kinds; it is done when the API server serves them.

    `kinds`: by name; depend on one before making an object of it.
    """

    kinds: dict[str, CustomResourceDefinition]

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:platform:Platform", name, None, opts)
        self.kinds = {kind.name: self._definition(kind, args) for kind in KINDS}
        self.register_outputs({"kinds": sorted(self.kinds)})

    def _definition(self, kind: Kind, args: PlatformArgs) -> CustomResourceDefinition:
        full = f"{kind.plural}.{GROUP}"
        return CustomResourceDefinition(
            full,
            metadata=ObjectMetaArgs(
                name=full,
                labels=platform_labels(args.environment, "platform"),
                annotations={"pulumi.com/waitFor": "condition=Established"},
            ),
            spec=CustomResourceDefinitionSpecArgs(
                group=GROUP,
                scope="Namespaced",
                names=CustomResourceDefinitionNamesArgs(
                    kind=kind.name,
                    plural=kind.plural,
                    singular=kind.name.lower(),
                    short_names=[kind.short],
                    categories=["groundwork"],
                ),
                versions=[
                    CustomResourceDefinitionVersionArgs(
                        name=VERSION,
                        served=True,
                        storage=True,
                        schema=CustomResourceValidationArgs(open_apiv3_schema=_root(kind)),
                        subresources=CustomResourceSubresourcesArgs(status={}) if kind.status else None,
                        additional_printer_columns=[
                            CustomResourceColumnDefinitionArgs(name=title, json_path=path, type=type_)
                            for title, path, type_ in (*kind.columns, ("Age", ".metadata.creationTimestamp", "date"))
                        ],
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def structural(model: type[Shape]) -> dict[str, JsonValue]:
    """The model's JSON Schema as Kubernetes takes it: no references, no null, nothing that is not structural."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.get("$defs", {})
    return _flat(schema, definitions)


def _root(kind: Kind) -> JSONSchemaPropsArgs:
    parts = {"spec": _typed(structural(kind.spec))}
    if kind.status is not None:
        parts["status"] = _typed(structural(kind.status))
    return JSONSchemaPropsArgs(type="object", required=["spec"], properties=parts)


def _flat(schema: Schema, definitions: Schema) -> dict[str, JsonValue]:
    reference, options = schema.get("$ref"), schema.get("anyOf")
    rest = {key: value for key, value in schema.items() if key not in {*_DROPPED, "$ref", "anyOf"}}
    if isinstance(reference, str):
        rest = _flat(_mapping(definitions[reference.rpartition("/")[2]]), definitions) | rest
    if isinstance(options, list):  # X | None: what may be left out is not required, and null is no value
        (option,) = [each for each in map(_mapping, options) if each.get("type") != "null"]
        rest = _flat(option, definitions) | rest
    properties, items, values = (schema.get(key) for key in ("properties", "items", "additionalProperties"))
    if isinstance(properties, Mapping):
        rest["properties"] = {name: _flat(_mapping(value), definitions) for name, value in properties.items()}
    if isinstance(items, Mapping):
        rest["items"] = _flat(items, definitions)
    if isinstance(values, Mapping) and (inner := _flat(values, definitions)):
        rest["additionalProperties"] = inner
    if rest.get("type") == "integer":
        rest["format"] = "int64"
    return rest


def _typed(schema: Schema) -> JSONSchemaPropsArgs:
    """The same as Pulumi's class, whose names are in snake case."""
    arguments: dict[str, JsonValue | JSONSchemaPropsArgs | dict[str, JSONSchemaPropsArgs]] = {}
    for key, value in schema.items():
        name = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", key).replace("-", "_")
        if key == "properties":
            arguments[name] = {each: _typed(_mapping(inner)) for each, inner in _mapping(value).items()}
        elif key in {"items", "additionalProperties"}:
            arguments[name] = _typed(_mapping(value))
        else:
            arguments[name] = value
    return _props(arguments)


def _props(arguments: Mapping[str, object]) -> JSONSchemaPropsArgs:
    made = JSONSchemaPropsArgs()
    for name, value in arguments.items():
        pulumi.set(made, name, value)
    return made


def _mapping(value: JsonValue) -> Schema:
    if not isinstance(value, Mapping):
        raise TypeError(f"not a schema: {value!r}")
    return value
