"""The settings of an environment: what stands under `groundwork:` in Pulumi.<environment>.yaml.

docs/environments.md says what each means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from components.documents import DocumentError, Model, Reader, StrictModel, compose, read_text, validate
from components.hosts import Host
from components.problems import as_user_error
from components.units import Name, refusal
from groundwork.errors import UserError
from stacks.admission_settings import AdmissionSettings
from stacks.aws_settings import AwsSettings, outside
from stacks.bills_settings import BillsSettings
from stacks.dns_settings import DnsSettings
from stacks.layer_problems import problems as layer_problems
from stacks.layers import MODULES
from stacks.networks import Network
from stacks.observability_settings import ObservabilitySettings
from stacks.problems import detail
from stacks.rollout import Rollout
from stacks.secrets_settings import SecretsSettings

PREFIX = "groundwork:"


def _layer(value: str) -> str:
    if value not in MODULES:
        raise refusal(f"{value!r} is not a layer", ", ".join(MODULES) or "none is built yet")
    return value


Layer = Annotated[str, AfterValidator(_layer)]


class Settings(StrictModel):
    """An environment. What each means, and its default, stands in docs/environments.md."""

    domain: Host
    dns: DnsSettings = DnsSettings()
    layers: tuple[Layer, ...] = ()
    admission: AdmissionSettings = AdmissionSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    secrets: SecretsSettings = SecretsSettings()
    tenants: tuple[Name, ...] = ()
    kubeconfig: str | None = None
    images: dict[str, str] | None = None
    cluster_networks: tuple[Network, ...] = ()
    aws: AwsSettings | None = None
    rollout: Rollout | None = None
    bills: BillsSettings | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValidationError.from_exception_data("Settings", problems)
        return self

    def _problems(self) -> Iterator[InitErrorDetails]:
        for key, names in (("layers", self.layers), ("tenants", self.tenants)):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield detail((key, index), f"{name} stands twice", "names that differ")
        if self.domain in self.dns.zones:
            yield detail(("dns", "zones"), f"{self.domain} is the environment's own", "zones of tenants")
        if self.aws is not None:
            yield from outside(self.domain, self.aws)
            if self.rollout is not None and self.aws.cluster.kind == "ecs":
                yield detail(("rollout",), "ECS shifts no requests", "leave it out")
        if self.rollout is not None and self.images is None:
            yield detail(("rollout",), "goes from one bill's images to another's", "images beside it")
        yield from layer_problems(self)
        if "admission" in self.layers and self.images is not None and self.bills is None:
            what = "admission lets in what signed bills list, and these images are not built here"
            yield detail(("bills",), what, "those that `groundwork promote` writes")


def from_file(file: Path) -> Settings:
    """An environment's settings as they stand in a file. Raises UserError."""
    try:
        root = _root(file)
        reader = Reader(file.name)
        return validate(Settings, reader.value(root), root, file.name, reader.problems)
    except DocumentError as error:
        raise as_user_error(error) from None


def from_config(config: Mapping[str, str], file: Path) -> Settings:
    """The settings that the engine was given. `file`: where they stand, for messages. Raises UserError."""
    return validated(Settings, decoded(config), file)


def decoded(config: Mapping[str, str]) -> dict[str, JsonValue]:
    """Our part of a stack's configuration. The engine hands everything over as text: anything but text as JSON."""
    return {key.removeprefix(PREFIX): _value(value) for key, value in config.items() if key.startswith(PREFIX)}


def decoded_file(file: Path) -> dict[str, JsonValue]:
    """The same, from a stack's file before the engine runs; nothing where there is no file. Raises UserError."""
    if not file.exists():
        return {}
    try:
        root = _root(file)
        reader = Reader(file.name)
        data = reader.value(root)
        if reader.problems:
            raise DocumentError(reader.problems)
    except DocumentError as error:
        raise as_user_error(error) from None
    return data if isinstance(data, dict) else {}


def validated(model: type[Model], data: dict[str, JsonValue], file: Path) -> Model:
    """`data` as `model`; the file of a stack, if there is one, says where a mistake stands. Raises UserError."""
    try:
        root = _root(file) if file.exists() else compose(yaml.safe_dump(data), file.name)
        return validate(model, data, root, file.name)
    except DocumentError as error:
        raise as_user_error(error) from None


def known_environments(folder: Path) -> list[str]:
    """The environments that have settings."""
    names = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml")]
    return sorted(name for name in names if "." not in name)


def stack_file(stack: str, folder: Path) -> Path:
    """Where a stack's own values stand: an environment's, or its own for a tenant, which need not be there."""
    return folder / f"Pulumi.{stack}.yaml"


def settings_file(environment: str, folder: Path) -> Path:
    """Where an environment's settings stand; UserError where there are none."""
    file = stack_file(environment, folder)
    if not file.is_file():
        raise UserError(
            what=f"there is no environment {environment!r}",
            where=file.name,
            allowed=", ".join(known_environments(folder)),
            fix="name one of these, or write the file (docs/environments.md)",
        )
    return file


def _root(file: Path) -> yaml.Node:
    """Our part of a stack's file. Raises DocumentError."""
    return own(compose(read_text(file, file.name), file.name))


def own(document: yaml.Node) -> yaml.MappingNode:
    """The part of a stack's file that is ours, its keys without the prefix; every place in the file is kept."""
    config = next((item for key, item in _pairs(document) if key.value == "config"), None)
    pairs = []
    for key, item in _pairs(config):
        if key.value.startswith(PREFIX):
            short = yaml.ScalarNode(key.tag, key.value.removeprefix(PREFIX), key.start_mark, key.end_mark)
            pairs.append((short, item))
    anchor = config or document
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, anchor.start_mark, anchor.end_mark)


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(key, item) for key, item in pairs if isinstance(key, yaml.ScalarNode)]


def _value(value: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(value)
    except ValueError:
        return value
    return found
