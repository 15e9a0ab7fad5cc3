"""The settings of an environment: what stands under `groundwork:` in Pulumi.<environment>.yaml.

docs/environments.md says what each means.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, Field, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from components.documents import DocumentError, Reader, StrictModel, compose, read_text, validate
from components.problems import as_user_error
from components.units import Bytes, MilliCpu, Name, refusal
from groundwork.errors import UserError

PREFIX = "groundwork:"
RESERVED_NAMESPACES = ("default", "kube-", "istio-", "groundwork")


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise refusal(
            f"{value!r} is not a network", "an address and the length of its prefix, such as 10.244.0.0/16"
        ) from None


Network = Annotated[str, AfterValidator(_network)]


class QuotaSettings(StrictModel):
    """The most that a tenant's pods may have together."""

    cpu: MilliCpu
    memory: Bytes
    pods: Annotated[int, Field(ge=1, le=100_000)]


class AgentSettings(StrictModel):
    """One of a tenant's agents. `manifest`: a file, from the project's folder; `nodePort`: its port on 127.0.0.1."""

    manifest: Annotated[str, Field(min_length=1)]
    node_port: Annotated[int, Field(ge=30000, le=32767)] | None = None


class TenantSettings(StrictModel):
    """A tenant; its namespace has the same name."""

    name: Name
    cost_centre: Name
    agents: tuple[AgentSettings, ...] = ()
    quota: QuotaSettings | None = None


class Settings(StrictModel):
    """An environment. What each means, and its default, stands in docs/environments.md."""

    tenants: tuple[TenantSettings, ...]
    exposure: Literal["node-port", "cluster"] = "cluster"
    kubeconfig: str | None = None
    images: dict[str, str] | None = None
    cluster_networks: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [*self._bad_names(), *self._bad_ports()]
        if problems:
            raise ValidationError.from_exception_data("Settings", problems)
        return self

    def _bad_names(self) -> Iterator[InitErrorDetails]:
        names = [tenant.name for tenant in self.tenants]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield _detail(("tenants", index, "name"), f"{name} stands twice", "names that differ")
            if name.startswith(RESERVED_NAMESPACES):
                yield _detail(("tenants", index, "name"), f"{name} is the cluster's own", "another name")

    def _bad_ports(self) -> Iterator[InitErrorDetails]:
        taken: dict[int, str] = {}
        for row, tenant in enumerate(self.tenants):
            for column, agent in enumerate(tenant.agents):
                place = ("tenants", row, "agents", column, "nodePort")
                if (agent.node_port is None) == (self.exposure == "node-port"):
                    wrong = "is missing" if agent.node_port is None else "has no use"
                    yield _detail(
                        place, f"{wrong} where exposure is {self.exposure}", "exposure: node-port, with ports"
                    )
                elif agent.node_port is not None:
                    other = taken.setdefault(agent.node_port, f"{tenant.name}'s {agent.manifest}")
                    if other != f"{tenant.name}'s {agent.manifest}":
                        yield _detail(place, f"{agent.node_port} is taken by {other}", "a port of its own")


def from_file(file: Path) -> Settings:
    """The settings that stand in a file, for checks before the engine runs. Raises UserError."""
    try:
        root = _own(compose(read_text(file, file.name), file.name))
        reader = Reader(file.name)
        return validate(Settings, reader.value(root), root, file.name, reader.problems)
    except DocumentError as error:
        raise as_user_error(error) from None


def from_config(config: Mapping[str, str], file: Path) -> Settings:
    """The settings that the engine was given. `file`: where they stand, for messages. Raises UserError."""
    data: dict[str, JsonValue] = {
        key.removeprefix(PREFIX): _decoded(value) for key, value in config.items() if key.startswith(PREFIX)
    }
    try:
        if file.exists():
            root: yaml.Node = _own(compose(read_text(file, file.name), file.name))
        else:
            root = compose(yaml.safe_dump(data), file.name)
        return validate(Settings, data, root, file.name)
    except DocumentError as error:
        raise as_user_error(error) from None


def known_environments(folder: Path) -> list[str]:
    """The environments that have settings."""
    return sorted(file.name.split(".", 1)[1].removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml"))


def settings_file(environment: str, folder: Path) -> Path:
    """Where an environment's settings stand; UserError where there are none."""
    file = folder / f"Pulumi.{environment}.yaml"
    if not file.is_file():
        raise UserError(
            what=f"there is no environment {environment!r}",
            where=file.name,
            allowed=", ".join(known_environments(folder)),
            fix="name one of these, or write the file (docs/environments.md)",
        )
    return file


def _own(document: yaml.Node) -> yaml.MappingNode:
    """The part of a stack's file that is ours, its keys without the prefix; every place in the file is kept."""
    config = next((item for key, item in _pairs(document) if key.value == "config"), None)
    pairs = []
    for key, item in _pairs(config):
        if key.value.startswith(PREFIX):
            own = yaml.ScalarNode(key.tag, key.value.removeprefix(PREFIX), key.start_mark, key.end_mark)
            pairs.append((own, item))
    anchor = config or document
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, anchor.start_mark, anchor.end_mark)


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(key, item) for key, item in pairs if isinstance(key, yaml.ScalarNode)]


def _decoded(value: str) -> JsonValue:
    """The engine hands everything over as text: structures, numbers and booleans as JSON."""
    try:
        decoded: JsonValue = json.loads(value)
    except ValueError:
        return value
    return decoded


def _detail(path: tuple[int | str, ...], what: str, allowed: str) -> InitErrorDetails:
    context = {"what": what, "allowed": allowed}
    return InitErrorDetails(type=PydanticCustomError("refused", "{what}", context), loc=path, input=None)
