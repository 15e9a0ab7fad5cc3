"""Kubernetes objects as plain JSON: identity, annotations, and the shape that the program gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from local.plugin.values import Json, Object

SKIP_AWAIT: Final = "pulumi.com/skipAwait"
WAIT_FOR: Final = "pulumi.com/waitFor"
TIMEOUT_SECONDS: Final = "pulumi.com/timeoutSeconds"
PATCH_FORCE: Final = "pulumi.com/patchForce"
PATCH_FIELD_MANAGER: Final = "pulumi.com/patchFieldManager"
DELETION_PROPAGATION: Final = "pulumi.com/deletionPropagationPolicy"
REPLACE_UNREADY: Final = "pulumi.com/replaceUnready"
AUTONAMED: Final = "pulumi.com/autonamed"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"

_ZERO: Final[tuple[Json, ...]] = (False, 0, "", {}, [])

# Groups whose kinds are Kubernetes' own. A CRD's group never is one of them.
_BUILT_IN_GROUPS: Final = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)


@dataclass(frozen=True)
class GVK:
    """A kind of object: API group (empty for core), version and kind."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, obj: Mapping[str, Json]) -> GVK:
        """The kind that an object says it is."""
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        return cls("" if group == "core" else group, version, str(obj.get("kind", "")))

    @classmethod
    def of_urn(cls, urn: str) -> GVK:
        """The kind in a URN's type, `kubernetes:<group>/<version>:<kind>`. Raises `ValueError` for another form."""
        package, _, rest = type_of(urn).partition(":")
        module, _, kind = rest.rpartition(":")
        group, slash, version = module.partition("/")
        if package != "kubernetes" or not slash:
            raise ValueError(f"unrecognized resource type: {type_of(urn)!r} for this provider")
        return cls("" if group == "core" else group, version, kind)

    @property
    def api_version(self) -> str:
        """As `apiVersion` is written in a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def built_in(self) -> bool:
        """Whether the kind is Kubernetes' own, as far as its group tells."""
        return self.group in _BUILT_IN_GROUPS

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


def type_of(urn: str) -> str:
    """The resource type in a URN, without its parents' types."""
    return urn.split("::")[2].rpartition("$")[2]


def is_patch(urn: str, kind: str) -> bool:
    """Whether the resource manages some fields of an object that it does not own."""
    return bool(kind) and type_of(urn).rpartition(":")[2] == f"{kind}Patch"


def is_list(urn: str) -> bool:
    """Whether the resource is one of the list types, which cannot be created."""
    kind = type_of(urn).rpartition(":")[2]
    return kind.endswith(("List", "ListPatch")) and GVK.of_urn(urn).built_in


def is_crd(obj: Mapping[str, Json]) -> bool:
    """Whether the object defines a custom resource."""
    return obj.get("kind") == "CustomResourceDefinition" and GVK.of(obj).group == "apiextensions.k8s.io"


def pluck(obj: Json, *path: str) -> Json:
    """The value at a path of keys, or None."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def meta(obj: Mapping[str, Json]) -> Object:
    """The object's metadata; empty if it has none."""
    value = obj.get("metadata")
    return value if isinstance(value, dict) else {}


def name(obj: Mapping[str, Json]) -> str:
    """`.metadata.name` if it is a string, else empty."""
    value = meta(obj).get("name")
    return value if isinstance(value, str) else ""


def namespace(obj: Mapping[str, Json]) -> str:
    """`.metadata.namespace` if it is a string, else empty."""
    value = meta(obj).get("namespace")
    return value if isinstance(value, str) else ""


def qualified_name(obj: Mapping[str, Json]) -> str:
    """`namespace/name`, or the name alone. This is the resource's ID."""
    return f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)


def parse_id(identifier: str) -> tuple[str, str]:
    """Namespace (may be empty) and name out of an ID."""
    first, slash, second = identifier.partition("/")
    return (first, second) if slash else ("", first)


def annotation(obj: Mapping[str, Json], key: str) -> str:
    """An annotation's value, or empty."""
    value = pluck(meta(obj), "annotations", key)
    return value if isinstance(value, str) else ""


def is_true(obj: Mapping[str, Json], key: str) -> bool:
    """Whether an annotation is `true`."""
    return annotation(obj, key) == "true"


def with_metadata(obj: Mapping[str, Json], **values: Json) -> Object:
    """A copy of the object with some metadata set."""
    return {**obj, "metadata": {**meta(obj), **values}}


def with_annotation(obj: Mapping[str, Json], key: str, value: str) -> Object:
    """A copy of the object with one annotation set; annotations that are not known yet are left alone."""
    current = meta(obj).get("annotations")
    if current is not None and not isinstance(current, dict):
        return dict(obj)
    return with_metadata(obj, annotations={**(current or {}), key: value})


def prune(live: Json, shape: Json) -> Json:
    """`live` without what `shape` does not have: what the cluster says about the fields that the program set."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        # What the cluster appended to a list (an injected sidecar) is none of the program's business.
        return [prune(item, known) for item, known in zip(live, shape, strict=False)]
    return live


def keep_dropped(pruned: Json, shape: Json, *, everything: bool = False) -> Json:
    """`pruned` with the empty values of `shape` that the API server does not store (`false`, `0`, `""`, `{}`, `[]`).

    Kubernetes leaves out most fields that have their type's zero value, and fields that it does not know. That they are
    missing is no change. `everything`: whatever is missing is kept, because `pruned` is what was last written.
    """
    if isinstance(pruned, dict) and isinstance(shape, dict):
        known = {key: keep_dropped(value, shape.get(key), everything=everything) for key, value in pruned.items()}
        missing = {key: value for key, value in shape.items() if key not in pruned}
        return known | {key: value for key, value in missing.items() if everything or value in _ZERO}
    if isinstance(pruned, list) and isinstance(shape, list):
        return [keep_dropped(item, known, everything=everything) for item, known in zip(pruned, shape, strict=False)]
    return pruned


def owned_by(obj: Mapping[str, Json], owner: Mapping[str, Json]) -> bool:
    """Whether the object has an owner reference to `owner` (same kind and name)."""
    references = meta(obj).get("ownerReferences") or []
    return any(ref.get("kind") == owner.get("kind") and ref.get("name") == name(owner) for ref in references)
