"""What the engine keeps about an object: the live object, the inputs it came from, and who manages its fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.kubernetes_plugin.diffing import to_object, to_properties
from local.kubernetes_plugin.marking import mark_secrets
from local.kubernetes_plugin.objects import PATCH_FIELD_MANAGER, annotation
from local.plugin.naming import unique_name
from local.plugin.values import Object

INPUTS = "__inputs"
INITIAL_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"


@dataclass(frozen=True)
class State:
    """A resource's stored state. `manager` is empty where none is stored."""

    live: Object
    inputs: Object
    initial_version: str
    manager: str

    @classmethod
    def of(cls, properties: Object) -> State:
        """From stored properties; empty for a resource that is not stored yet."""
        obj = to_object(properties)
        inputs = obj.pop(INPUTS, {})
        version, manager = obj.pop(INITIAL_VERSION, ""), obj.pop(FIELD_MANAGER, "")
        return cls(obj, inputs, str(version or inputs.get("apiVersion") or ""), str(manager))


@dataclass(frozen=True)
class Stored:
    """Builds the properties to store. `secrets_from`: the properties that say what is secret."""

    manager: str
    initial_version: str
    secrets_from: Object = field(default_factory=dict)

    def properties(self, inputs: Object, live: Object) -> Object:
        """The live object's properties, with the inputs and the managers beside them."""
        stored = mark_secrets(to_properties(live), self.secrets_from)
        return {
            **stored,
            INPUTS: mark_secrets(to_properties(inputs), self.secrets_from),
            INITIAL_VERSION: self.initial_version,
            FIELD_MANAGER: self.manager,
        }


def manager_name(inputs: Object, stored: str, *, server_side_apply: bool) -> str:
    """The field manager to apply as: what the annotation says, else what is stored, else a new one."""
    if not server_side_apply:
        return "pulumi-kubernetes"
    return annotation(inputs, PATCH_FIELD_MANAGER) or stored or unique_name("pulumi-kubernetes-")
