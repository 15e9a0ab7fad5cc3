"""Where a plan's users ask: the agents of an environment that is up, or one address for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.job import Caller
from loadtests.plan import Plan
from loadtests.running import Target

if TYPE_CHECKING:
    from local.cluster import Cluster


def at_address(plan: Plan, address: str, keys: Mapping[str, str], authority: Path | None) -> Target:
    """One address for all, `{tenant}` and `{agent}` in it replaced. `keys`: tenant/agent → key. Raises UserError."""
    callers = []
    for users in plan.users:
        filled = address.replace("{tenant}", users.tenant).replace("{agent}", users.agent).rstrip("/")
        if urlsplit(filled).scheme not in {"http", "https"}:
            raise UserError(what=f"{address!r} is no address", allowed="https://{tenant}.example.com/agents/{agent}")
        callers.append(Caller(address=filled, key=keys.get(f"{users.tenant}/{users.agent}", "")))
    pem = authority.read_text("utf-8") if authority is not None else None
    return Target(callers=tuple(callers), connect={}, authority=pem)


def read_keys(file: Path) -> dict[str, str]:
    """A JSON object: tenant/agent → API key. Raises UserError."""
    try:
        found: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UserError(what="is not a file of keys", where=str(file), allowed='{"tenant/agent": "key"}')
    return {str(name): str(key) for name, key in found.items()}


@contextmanager
def of_environment(plan: Plan, environment: str) -> Iterator[Target]:
    """The environment that is up on this machine, or one tenant of it, through its gateway on 127.0.0.1.

    Each of the plan's users gets an API key for its one agent, which lasts as long as the run and is deleted after it.
    Raises UserError where the environment is not up, has no such agent, or does not hear of its key.
    """
    from components.platform.specs import GROUP, Scope
    from local.front_door import GATEWAY, authority, make_key
    from local.paths import Paths
    from local.up import cluster_of, require_up
    from stacks.preflight import check

    paths = Paths.for_user()
    stack = environment.partition(".")[0]
    cluster = cluster_of(require_up(stack, paths), paths)
    domain = check(stack).domain
    tiers = _tiers(cluster, {users.tenant for users in plan.users})
    life = timedelta(seconds=plan.seconds) + plan.timeout + timedelta(minutes=10)
    made: list[tuple[str, str]] = []
    try:
        callers = []
        for users in plan.users:
            tier = tiers.get((users.tenant, users.agent))
            if tier is None:
                known = ", ".join(agent for tenant, agent in tiers if tenant == users.tenant)
                raise UserError(what=f"tenant {users.tenant} has no agent {users.agent!r}", allowed=known or "none")
            scope = Scope(org=users.tenant, agents=[users.agent])
            name, key = make_key(cluster, scope, life, "a load run")
            made.append((users.tenant, name))
            address = f"https://{users.tenant}.{domain}/agents/{users.agent}"
            callers.append(Caller(address=address, key=key, tier=tier))
        connect = {f"{users.tenant}.{domain}": GATEWAY for users in plan.users}
        trusted = authority(cluster)
        _await_keys(callers, trusted)
        yield Target(callers=tuple(callers), connect=connect, authority=trusted)
    finally:
        for tenant, name in made:
            cluster.delete(f"apikeys.{GROUP}", name, tenant)


def _await_keys(callers: Iterable[Caller], authority: str) -> None:
    """Until the whole gateway has heard of the keys: what is asked earlier is refused. Raises UserError."""
    from local.front_door import KEY_HEARD_SECONDS, is_known

    for caller in callers:
        if not wait_until(partial(is_known, authority, caller.address, caller.key), KEY_HEARD_SECONDS):
            raise UserError(
                what=f"the gateway does not let in a key that was made {KEY_HEARD_SECONDS:.0f} s ago",
                where=caller.address,
                fix="docs/runbooks/gateway-down.md",
                code=ExitCode.ERROR,
            )


def _tiers(cluster: Cluster, tenants: Iterable[str]) -> dict[tuple[str, str], str]:
    """Tenant and agent → its tier, as what runs says: a tenant may have been moved from another checkout than this."""
    from components.labels import AGENT, TIER

    found: dict[tuple[str, str], str] = {}
    for tenant in sorted(tenants):
        for each in cluster.items("deployments", tenant):
            match each:
                case {"metadata": {"labels": {**labels}}} if AGENT in labels:
                    found[tenant, str(labels[AGENT])] = str(labels.get(TIER))
    return found
