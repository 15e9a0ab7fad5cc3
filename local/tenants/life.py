"""What each verb does to a tenant. Each can be run again when it was interrupted, and goes on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from components.platform.specs import GROUP
from groundwork.console import Progress
from groundwork.errors import UserError
from local.engine.operation import Operation, Operator
from local.layers import Layers
from local.paths import CHECKOUT, Paths
from local.tenants import folder
from local.tenants.archive import DataReference, Head, pack, unpack
from local.tenants.folder import Wish
from local.up import Outcome, on_parts, operator_of, require_up
from stacks.layers import is_layer
from stacks.preflight import check_tenant
from stacks.settings import decoded_file, from_file, known_environments, settings_file, stack_file
from stacks.tenant_settings import FILE, Suspension, TenantFolder, known_tenants, read_folder, tenant_folder

TENANT_KIND = f"tenants.{GROUP}"
DATA_KINDS = f"apikeys.{GROUP},domains.{GROUP},persistentvolumeclaims"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tenant of an environment. `state`: up, suspended, not up, no folder. `reason`: of the suspension."""

    tenant: str
    state: str
    agents: int
    cost_centre: str = ""
    hosts: tuple[str, ...] = ()
    requests_per_second: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """The tenants of one environment: their files in `checkout`, and their stacks."""

    environment: str
    paths: Paths
    progress: Progress
    checkout: Path = CHECKOUT

    def add(self, names: Sequence[str], wish: Wish) -> Outcome:
        """Write the folders of new tenants, and bring them up. A folder that is there stays as it is.

        `suspended` of the wished settings is said of this environment alone, so that `resume` can take it back.
        """
        require_up(self.environment, self.paths)
        for name in dict.fromkeys(names):
            if not folder.begin(name, wish, self.checkout):
                self.progress.say(f"tenants/{name} is there already, and is taken as it is")
            elif wish.suspended is not None:
                self._set_suspended(name, wish.suspended)
            check_tenant(self.environment, name, self.checkout)
        return self._up(list(dict.fromkeys(names)))

    def suspend(self, name: str, reason: str) -> Outcome:
        """Callers get 403 with the reason, agents go to zero; data and settings stay."""
        require_up(self.environment, self.paths)
        self._declared(name)
        self._set_suspended(name, reason)
        return self._up([name])

    def resume(self, name: str) -> Outcome:
        """Undo `suspend`."""
        require_up(self.environment, self.paths)
        self._declared(name)
        folder.remove_override(self._stack_file(name), "suspended")
        if self._declared(name).settings.suspended is not None:
            raise UserError(
                what=f"{name} is suspended in every environment",
                where=str(tenant_folder(name, self.checkout) / FILE),
                fix="take `suspended` out of that file, and run this again",
            )
        return self._up([name])

    def delete(self, names: Sequence[str], *, keep_folder: bool) -> None:
        """Remove all that is the tenants': what runs, their namespaces, states and files.

        Raises UserError where an environment's settings still name one, or there is none, before anything is done.
        """
        made = require_up(self.environment, self.paths)
        operator = operator_of(made, self.paths, self.progress)
        there = self._with_stack(operator)
        names = list(dict.fromkeys(names))
        for name in names:
            folder.check_name(name)
            self._refuse_listed(name, keep_folder=keep_folder)
            if name not in there and name not in known_tenants(self.checkout):
                raise UserError(
                    what=f"there is no tenant {name!r} in {self.environment!r}",
                    allowed=", ".join(sorted({*there, *known_tenants(self.checkout)})) or "none is there",
                )
        stacks = [f"{self.environment}.{name}" for name in names if name in there]
        operator.run_all(Operation.DESTROY, stacks)
        # What a layer keeps of them goes before their names do: a run that ends here is found by them again.
        settings = from_file(settings_file(self.environment, self.checkout))
        Layers(settings, made, operator.cluster, self.paths, self.progress).leave(names)
        for name in names:  # also one whose state was removed by a run that was killed then
            operator.forget(f"{self.environment}.{name}")
        for name in () if keep_folder else names:
            self._stack_file(name).unlink(missing_ok=True)
            folder.remove_folder(name, self.checkout)

    def rows(self) -> list[Row]:
        """Every tenant that has a folder, a stack or an object in the cluster."""
        stacks: set[str] = set()
        objects: dict[str, Mapping[str, object]] = {}
        operator = self._operator()
        if operator is not None:
            stacks = self._with_stack(operator)
            objects = _specs(operator)
        folders = known_tenants(self.checkout)
        return [self._row(name, name in stacks, objects.get(name)) for name in sorted({*folders, *stacks, *objects})]

    def row(self, name: str) -> Row:
        """One of them. Raises UserError."""
        rows = {row.tenant: row for row in self.rows()}
        if name not in rows:
            raise UserError(what=f"there is no tenant {name!r}", allowed=", ".join(rows) or "none is there")
        return rows[name]

    def export(self, name: str, when: datetime | None = None) -> bytes:
        """The tenant as one archive: settings, manifests, and where its data is. Secrets and keys are not in it."""
        self._declared(name)
        head = Head(
            tenant=name,
            environment=self.environment,
            exported_at=when or datetime.now(UTC),
            overrides=decoded_file(self._stack_file(name)),
            data=self._data(name),
        )
        return pack(head, folder.read_files(tenant_folder(name, self.checkout)))

    def import_(self, file: Path, new_name: str | None) -> Outcome:
        """Bring a tenant from an archive, under its own name or another. Raises UserError."""
        require_up(self.environment, self.paths)
        archive = unpack(file)
        name = folder.check_name(new_name or archive.head.tenant)
        files = dict(archive.files)
        overrides = dict(archive.head.overrides)
        if name != archive.head.tenant:
            files[FILE] = folder.renamed(files[FILE], name)
            overrides = {key: value for key, value in overrides.items() if key not in folder.OWN_KEYS}
        there = tenant_folder(name, self.checkout)
        if not folder.write_folder(name, files, self.checkout) and folder.read_files(there) != files:
            raise UserError(
                what=f"tenant {name!r} is there already, and is another",
                where=str(there),
                fix="give the imported one a name of its own: --as NAME",
            )
        for key, value in overrides.items():
            folder.set_override(self._stack_file(name), key, value)
        check_tenant(self.environment, name, self.checkout)
        for reference in archive.head.data:
            self.progress.say(f"not in the archive: {reference.kind} {reference.name} ({reference.where})")
        return self._up([name])

    def _with_stack(self, operator: Operator) -> set[str]:
        parts = (stack.partition(".")[2] for stack in operator.engine.stacks_on(self.environment))
        return {part for part in parts if not is_layer(part)}

    def _up(self, names: list[str]) -> Outcome:
        return on_parts(Operation.UP, self.environment, names, self.paths, self.progress)

    def _operator(self) -> Operator | None:
        from local import record

        made = record.read(self.paths)
        if made is None or made.stack != self.environment:
            return None
        return operator_of(made, self.paths, self.progress)

    def _stack_file(self, name: str) -> Path:
        return stack_file(f"{self.environment}.{name}", self.checkout)

    def _declared(self, name: str) -> TenantFolder:
        return check_tenant(self.environment, folder.check_name(name), self.checkout)

    def _set_suspended(self, name: str, reason: str) -> None:
        try:
            value = TypeAdapter(Suspension).validate_python({"reason": reason})
        except ValidationError:
            raise UserError(what="the reason cannot be used", allowed="one line of 1 to 500 characters") from None
        folder.set_override(self._stack_file(name), "suspended", value.model_dump(mode="json"))

    def _refuse_listed(self, name: str, *, keep_folder: bool) -> None:
        for environment in known_environments(self.checkout):
            file = settings_file(environment, self.checkout)
            if name in from_file(file).tenants and (environment == self.environment or not keep_folder):
                raise UserError(
                    what=f"tenant {name!r} is listed in groundwork:tenants, and the next `up` would miss it",
                    where=file.name,
                    fix="take it out of that list first" if environment == self.environment else "use --keep-folder",
                )

    def _row(self, name: str, has_stack: bool, spec: Mapping[str, object] | None) -> Row:
        try:
            declared = read_folder(tenant_folder(name, self.checkout), name, name, decoded_file(self._stack_file(name)))
        except UserError:
            return Row(tenant=name, state="no folder" if spec or has_stack else "not readable", agents=0)
        settings = declared.settings
        suspended = spec.get("suspended") if spec is not None else None
        reason = str(suspended.get("reason", "")) if isinstance(suspended, Mapping) else ""
        hosts = spec.get("hosts") if spec is not None else None
        return Row(
            tenant=name,
            state="not up" if spec is None else "suspended" if reason else "up",
            agents=len(declared.agents),
            cost_centre=settings.cost_centre,
            hosts=tuple(str(host) for host in hosts) if isinstance(hosts, list) else (),
            requests_per_second=settings.limits.requests_per_second if settings.limits else None,
            reason=reason,
        )

    def _data(self, name: str) -> tuple[DataReference, ...]:
        """What the cluster keeps for the tenant beside its settings, and what its manifests point to."""
        secrets = {
            (reference.secret, f"namespace {name}")
            for manifest in self._declared(name).agents
            for reference in manifest.spec.references()
        }
        found = [DataReference(kind="Secret", name=secret, where=where) for secret, where in sorted(secrets)]
        operator = self._operator()
        for item in operator.cluster.items(DATA_KINDS, name) if operator is not None else []:
            metadata = item["metadata"]
            if isinstance(metadata, Mapping):
                found.append(
                    DataReference(kind=str(item["kind"]), name=str(metadata["name"]), where=f"namespace {name}")
                )
        return tuple(found)


def _specs(operator: Operator) -> dict[str, Mapping[str, object]]:
    """The specs of the cluster's Tenant objects, by name."""
    found: dict[str, Mapping[str, object]] = {}
    for item in operator.cluster.items(TENANT_KIND):
        metadata, spec = item["metadata"], item["spec"]
        if isinstance(metadata, Mapping) and isinstance(spec, Mapping):
            found[str(metadata["name"])] = spec
    return found
