"""The agent manifest: what an agent is, in one validated YAML file.  (docs/agents.md)

The runtime image carries this file, `components/documents.py` and `components/units.py`, which import pydantic and yaml
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from components.documents import DocumentError, StrictModel, read_document, read_text
from components.units import Address, Bytes, Duration, HostPort, Image, MilliCpu, Name, Url, address_of, refusal

RESERVED_LABELS = ("groundwork/", "app.kubernetes.io/", "kubernetes.io/", "k8s.io/")
SECRET_NAME = re.compile(r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET)_?KEY)$")


class ManifestError(DocumentError):
    """An agent manifest that cannot be used; `problems` has each of what is wrong: what, where, allowed, fix."""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A promise about answers: how long they may take, without the model's own time, and which share succeeds."""

    latency: timedelta
    availability: float


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        "standard": Tier(latency=timedelta(milliseconds=200), availability=0.999),
        "heavy": Tier(latency=timedelta(seconds=1), availability=0.999),
    }
)


def _label_key(key: str) -> str:
    if (
        key.startswith(RESERVED_LABELS)
        or re.fullmatch(r"([a-z0-9.-]{1,190}/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", key) is None
    ):
        raise refusal(
            f"{key!r} is not a label of your own", f"letters, digits, - _ . and not {', '.join(RESERVED_LABELS)}"
        )
    return key


def _label_value(value: str) -> str:
    if re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", value) is None:
        raise refusal(f"{value!r} is not a label's value", "at most 63 letters, digits, - _ and .")
    return value


def _variable(name: str) -> str:
    if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) is None or name.startswith("AGENT_"):
        raise refusal(f"{name!r} is not a variable of your own", "capitals, digits and _; AGENT_… is the platform's")
    return name


def _subject(value: str) -> str:
    if re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", value) is None:
        raise refusal(
            f"{value!r} is not a channel", "words of a-z, 0-9, _ and -, joined by dots, such as orders.created"
        )
    return value


LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Variable = Annotated[str, AfterValidator(_variable)]
Subject = Annotated[str, AfterValidator(_subject)]
SecretPath = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*)*$", max_length=200)]
SecretKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,253}$")]


class Metadata(StrictModel):
    """The agent's name within its tenant, and labels for people."""

    name: Name
    description: Annotated[str, Field(max_length=500)] = ""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)


class SecretRef(StrictModel):
    """Where a secret value stands: an entry of `secrets`, otherwise a Kubernetes Secret of the tenant's namespace, and
    the key in it.
    """

    secret: Name
    key: SecretKey


class Secret(StrictModel):
    """Something that the environment's secret store holds, as files that change when it does: one for each field.

    `path`: below the tenant's own. `database`: a user of the tenant's own in that database, which is replaced by a new
    one long before it ends.
    """

    path: SecretPath | None = None
    database: Literal["postgres"] | None = None
    refresh: Duration | None = None

    @property
    def interval(self) -> timedelta:
        """How often it is read. A database user lives an hour, so that a new one comes in time for its successor."""
        return self.refresh or timedelta(minutes=1 if self.database is None else 30)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.path is None) == (self.database is None):
            raise _at(("path",), "must stand, or database in its place", "one of path and database")
        if not timedelta(seconds=10) <= self.interval <= timedelta(minutes=45):
            raise _at(("refresh",), "is too short or too long", "10s to 45m")
        return self


def _kind_of_value(value: object) -> str:
    return "reference" if isinstance(value, dict | SecretRef) else "text"


EnvValue = Annotated[
    Annotated[str, Tag("text")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(_kind_of_value),
]


class Price(StrictModel):
    """What a model's tokens cost, for the cost metrics."""

    input_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0
    output_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"


class _Model(StrictModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    timeout: Duration = timedelta(seconds=10)
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    price: Price = Price()


class EchoModel(_Model):
    """Answers with what it was asked, after `thinkTime`: for tests and load."""

    provider: Literal["echo"]
    name: Annotated[str, Field(min_length=1, max_length=200)] = "echo-1"
    think_time: Duration = timedelta(0)


class OpenAIModel(_Model):
    """Every address that speaks the OpenAI chat completions API."""

    provider: Literal["openai"]
    base_url: Url
    api_key_from: SecretRef | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0


class Tool(StrictModel):
    """Something the agent may call."""

    name: Name
    kind: Literal["http"]
    url: Url
    description: Annotated[str, Field(max_length=1000)] = ""
    timeout: Duration = timedelta(seconds=10)


class Channels(StrictModel):
    """The subjects the agent listens on and speaks on."""

    subscribe: tuple[Subject, ...] = ()
    publish: tuple[Subject, ...] = ()


class Sessions(StrictModel):
    """Where conversations are kept. `local`: in the replica, gone with it. `redis`: shared by all replicas."""

    store: Literal["local", "redis"] = "local"
    ttl: Duration = timedelta(hours=1)


class Memory(StrictModel):
    """What the agent remembers."""

    sessions: Sessions = Sessions()


class Amounts(StrictModel):
    """An amount of CPU and memory."""

    cpu: MilliCpu | None = None
    memory: Bytes | None = None


class Resources(StrictModel):
    """What a replica is given (`cpu`, `memory`), and the most it may use; limits default to 4 × cpu and 1 × memory."""

    cpu: MilliCpu = 100
    memory: Bytes = 128 * 2**20
    limits: Amounts = Amounts()

    @property
    def cpu_limit(self) -> int:
        """Thousandths of a core."""
        return self.limits.cpu or 4 * self.cpu

    @property
    def memory_limit(self) -> int:
        """Bytes."""
        return self.limits.memory or self.memory

    @model_validator(mode="after")
    def _limits_are_not_below(self) -> Self:
        if self.cpu_limit < self.cpu:
            raise _at(("limits", "cpu"), "is below what is requested", "at least the value of cpu beside it")
        if self.memory_limit < self.memory:
            raise _at(("limits", "memory"), "is below what is requested", "at least the value of memory beside it")
        return self


class Limits(StrictModel):
    """What one replica accepts: requests at a time, bytes a request, requests a minute."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 32
    request_bytes: Bytes = 2**20
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = 600


class Scaling(StrictModel):
    """How many replicas there are; between min and max by CPU, as a share of what is requested."""

    min: Annotated[int, Field(ge=1, le=1000)] = 2
    max: Annotated[int, Field(ge=1, le=1000)] = 4
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = 70

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min > self.max:
            raise _at(("max",), f"is below min ({self.min})", f"{self.min} or more (4 where it is not written)")
        return self


class Spec(StrictModel):
    """What the agent runs, and with how much."""

    image: Image
    tier: Literal["standard", "heavy"] = "standard"
    model: Annotated[EchoModel | OpenAIModel, Field(discriminator="provider")]
    instructions: Annotated[str, Field(max_length=100_000)] = ""
    tools: tuple[Tool, ...] = ()
    channels: Channels = Channels()
    memory: Memory = Memory()
    resources: Resources = Resources()
    limits: Limits = Limits()
    scaling: Scaling = Scaling()
    egress: tuple[Address, ...] = ()
    drain: Duration = timedelta(seconds=20)
    env: dict[Variable, EnvValue] = Field(default_factory=dict)
    secrets: dict[Name, Secret] = Field(default_factory=dict)

    def references(self) -> Iterator[SecretRef]:
        """Each reference to a Secret of the tenant's."""
        if isinstance(self.model, OpenAIModel) and self.model.api_key_from is not None:
            yield self.model.api_key_from
        yield from (value for value in self.env.values() if isinstance(value, SecretRef))

    def uses(self) -> Iterator[tuple[tuple[int | str, ...], HostPort]]:
        """Each address that the manifest itself names, with the keys that lead to it."""
        if isinstance(self.model, OpenAIModel):
            yield ("model", "openai", "baseUrl"), address_of(self.model.base_url)
        for index, tool in enumerate(self.tools):
            yield ("tools", index, "url"), address_of(tool.url)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [
            _detail(path, f"{address} is not in spec.egress", fix=f'add "{address}" to spec.egress')
            for path, address in self.uses()
            if address not in self.egress
        ]
        names = [tool.name for tool in self.tools]
        problems += [
            _detail(("tools", index, "name"), f"{name} stands twice", "names that differ")
            for index, name in enumerate(names)
            if name in names[:index]
        ]
        problems += [
            _detail(
                ("env", name),
                "looks like a secret",
                "a reference",
                "put it in a Secret and write {secret: NAME, key: KEY}",
            )
            for name, value in self.env.items()
            if isinstance(value, str) and SECRET_NAME.search(name)
        ]
        if self.drain > timedelta(minutes=10):
            problems.append(_detail(("drain",), "is too long", "at most 10m"))
        if problems:
            raise ValidationError.from_exception_data("Spec", problems)
        return self


class AgentManifest(StrictModel):
    """An agent: its image, model, tools, channels, memory, limits and service tier."""

    api_version: Literal["groundwork/v1"]
    kind: Literal["Agent"]
    metadata: Metadata
    spec: Spec

    @property
    def name(self) -> str:
        """The agent's name within its tenant."""
        return self.metadata.name

    @property
    def tier(self) -> Tier:
        """What the agent's answers are held to."""
        return TIERS[self.spec.tier]


def _detail(
    path: tuple[int | str, ...], what: str, allowed: str | None = None, fix: str | None = None
) -> InitErrorDetails:
    context = {"what": what} | ({"allowed": allowed} if allowed else {}) | ({"fix": fix} if fix else {})
    return InitErrorDetails(type=PydanticCustomError("refused", "{what}", context), loc=path, input=None)


def _at(path: tuple[int | str, ...], what: str, allowed: str) -> ValidationError:
    return ValidationError.from_exception_data("AgentManifest", [_detail(path, what, allowed)])


def parse_manifest(text: str, source: str = "manifest") -> AgentManifest:
    """The manifest in `text`; `source` names it in messages. Raises ManifestError with every problem."""
    try:
        return read_document(AgentManifest, text, source)
    except DocumentError as error:
        raise ManifestError(error.problems) from None


def load_manifest(path: Path | str, source: str | None = None) -> AgentManifest:
    """The manifest in a file. Raises ManifestError with every problem, each as file:line:column.

    `source`: the file's name in messages, where another than its path is wanted.
    """
    source = source or str(path)
    try:
        text = read_text(Path(path), source)
    except DocumentError as error:
        raise ManifestError(error.problems) from None
    return parse_manifest(text, source)


def dump(manifest: AgentManifest) -> str:
    """The manifest as canonical YAML, defaults written out; reading it gives an equal manifest."""
    data = manifest.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def json_schema() -> dict[str, JsonValue]:
    """The JSON Schema of the file, for editors; docs/agent-manifest.schema.json holds a copy."""
    # The mode in which defaults are spelled as in the file (10s, 1Mi); the keys are the same in both.
    schema: dict[str, JsonValue] = AgentManifest.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
