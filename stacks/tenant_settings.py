"""A tenant's folder: tenants/<tenant>/tenant.yaml and tenants/<tenant>/agents/*.yaml.  (docs/tenants.md)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from components.agents.manifest import AgentManifest, SecretPath, load_manifest
from components.documents import DocumentError, Problem, Reader, StrictModel, compose, read_text, validate
from components.hosts import Host
from components.problems import as_user_error
from components.units import Bytes, MilliCpu, Name, Url, refusal
from groundwork.errors import UserError
from stacks.layers import is_layer
from stacks.problems import detail
from stacks.settings import validated

TENANTS = "tenants"
FILE = "tenant.yaml"
AGENTS = "agents"
RESERVED_NAMESPACES = ("default", "kube-", "istio-", "groundwork")


def _tenant_name(value: str) -> str:
    if value.startswith(RESERVED_NAMESPACES):
        raise refusal(f"{value} is the cluster's own", "another name")
    if is_layer(value):
        raise refusal(f"{value} is a layer of every environment", "another name")
    return value


def _https(value: str) -> str:
    if not value.startswith("https://"):
        raise refusal("keys are fetched over a connection that proves who answers", "https://…")
    return value


TenantName = Annotated[Name, AfterValidator(_tenant_name)]
Flag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Text = Annotated[str, Field(max_length=500)]


class QuotaSettings(StrictModel):
    """The most that a tenant's pods may have together."""

    cpu: MilliCpu
    memory: Bytes
    pods: Annotated[int, Field(ge=1, le=100_000)]


class IssuerSettings(StrictModel):
    """Whose tokens the tenant accepts. The keys are written out (`jwks`) or fetched (`jwksUri`)."""

    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    audiences: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    jwks: dict[str, JsonValue] | None = None
    jwks_uri: Annotated[Url, AfterValidator(_https)] | None = None

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if (self.jwks is None) == (self.jwks_uri is None):
            problem = detail(("jwksUri",), "must stand, or jwks in its place", "one of jwks and jwksUri")
            raise ValidationError.from_exception_data("IssuerSettings", [problem])
        return self


class LimitSettings(StrictModel):
    """How much the tenant's callers may ask, over all of them and all replicas of the gateway."""

    requests_per_second: Annotated[int, Field(ge=1, le=1_000_000)]


class Suspension(StrictModel):
    """Why the tenant is suspended; its callers are told."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class TenantSettings(StrictModel):
    """A tenant; its namespace has the same name. What each means, and its default, stands in docs/tenants.md."""

    name: TenantName
    cost_centre: Name
    quota: QuotaSettings | None = None
    hosts: tuple[Host, ...] = ()
    proven_hosts: tuple[Host, ...] = ()
    issuers: tuple[IssuerSettings, ...] = ()
    limits: LimitSettings | None = None
    flags: dict[Flag, bool] = Field(default_factory=dict)
    branding: dict[Flag, Text] = Field(default_factory=dict)
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    rotation_days: dict[SecretPath, Annotated[int, Field(ge=1, le=999)]] = Field(default_factory=dict)
    suspended: Suspension | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [*_doubles("hosts", self.hosts), *_doubles("issuers", [row.issuer for row in self.issuers])]
        for index, host in enumerate(self.proven_hosts):
            if host not in self.hosts:
                allowed = ", ".join(self.hosts) or "none: there are no hosts"
                problems.append(detail(("provenHosts", index), f"{host} does not stand under hosts", allowed))
        if problems:
            raise ValidationError.from_exception_data("TenantSettings", problems)
        return self


def _doubles(key: str, values: tuple[str, ...] | list[str]) -> Iterator[InitErrorDetails]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield detail((key, index), f"{value} stands twice", "values that differ")


@dataclass(frozen=True, kw_only=True)
class TenantFolder:
    """All that a tenant is declared to be."""

    settings: TenantSettings
    agents: tuple[AgentManifest, ...]


def tenant_folder(name: str, checkout: Path) -> Path:
    """Where a tenant's settings and manifests stand."""
    return checkout / TENANTS / name


def known_tenants(checkout: Path) -> list[str]:
    """The tenants that have a folder."""
    return sorted(file.parent.name for file in (checkout / TENANTS).glob(f"*/{FILE}"))


def read_tenant(
    name: str, checkout: Path, overrides: Mapping[str, JsonValue] | None = None, stack_file: Path | None = None
) -> TenantFolder:
    """The tenant's folder, read and checked as a whole; UserError with every problem, each as file:line:column.

    `overrides`: keys of tenant.yaml that one environment sets otherwise, which stand in `stack_file`.
    """
    folder = tenant_folder(name, checkout)
    if not (folder / FILE).is_file():
        raise UserError(
            what=f"there is no tenant {name!r}",
            where=f"{TENANTS}/{name}/{FILE}",
            allowed=", ".join(known_tenants(checkout)) or "none has a folder yet",
            fix=f"groundwork tenant add {name}",
        )
    return read_folder(folder, name, f"{TENANTS}/{name}", overrides or {}, stack_file)


def read_folder(
    folder: Path, name: str, source: str, overrides: Mapping[str, JsonValue], stack_file: Path | None = None
) -> TenantFolder:
    """A folder laid out as a tenant's, of the tenant `name`. `source`: the folder in messages. Raises UserError."""
    problems: list[Problem] = []
    agents: list[AgentManifest] = []
    settings = None
    try:
        settings, data = _read_settings(folder / FILE, name, f"{source}/{FILE}")
    except DocumentError as error:
        problems += error.problems
    for file in sorted((folder / AGENTS).glob("*.yaml")):
        try:
            agents.append(_read_agent(file, f"{source}/{AGENTS}/{file.name}"))
        except DocumentError as error:
            problems += error.problems
    if problems or settings is None:
        raise as_user_error(DocumentError(problems))
    if overrides:
        settings = validated(TenantSettings, data | dict(overrides), stack_file or folder / FILE)
        if settings.name != name:
            raise UserError(what="name: an environment cannot rename a tenant", where=str(stack_file), fix="remove it")
    return TenantFolder(settings=settings, agents=tuple(agents))


def json_schema() -> dict[str, JsonValue]:
    """The JSON Schema of tenant.yaml, for editors; docs/tenant.schema.json holds a copy."""
    schema: dict[str, JsonValue] = TenantSettings.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _read_settings(file: Path, name: str, source: str) -> tuple[TenantSettings, dict[str, JsonValue]]:
    root = compose(read_text(file, source), source)
    reader = Reader(source)
    data = reader.value(root)
    settings = validate(TenantSettings, data, root, source, reader.problems)
    if settings.name != name:
        raise DocumentError(
            [Problem(what=f"name: is {settings.name!r}, and the folder's name is {name!r}", where=f"{source}:1:1",
                     allowed="one name for both")]
        )  # fmt: skip
    return settings, data if isinstance(data, dict) else {}


def _read_agent(file: Path, source: str) -> AgentManifest:
    """A manifest; its file has the agent's name, so that no two are of one agent."""
    manifest = load_manifest(file, source)
    if manifest.name != file.stem:
        problem = Problem(
            what=f"metadata.name: is {manifest.name!r}, and the file's name is {file.stem!r}",
            where=f"{source}:1:1",
            allowed="one name for both",
        )
        raise DocumentError([problem])
    return manifest
