"""Secrets on the running cluster: who reads what, rotation, sealing, and a wipe that loses nothing."""

from __future__ import annotations

import ast
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.agents.manifest import Secret
from components.data.tenant_users import database_owner
from components.secrets.names import NAMESPACE, OPENBAO, TENANT_ACCOUNT, tenant_role
from components.secrets.server import METRICS_PATH
from groundwork.waiting import wait_until
from local.paths import CHECKOUT, Paths
from local.secrets import configure, rds
from local.secrets.api import Api, Refused, data
from local.secrets.configure import Database
from local.secrets.install import Place, forget_tenants, place_here, settle
from local.secrets.life import restore, root, seal_of, snapshot, unseal, wait_active
from local.secrets.reach import login
from local.secrets.values import put
from stacks.settings import from_file, settings_file
from tests.cluster.inside import inside
from tests.cluster.node import kubectl
from tests.cluster.secrets import SYNC_SECONDS, Tenant
from tests.command import copy_of_checkout, groundwork, succeeded
from tests.local.node.quiet import Quiet

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]
CANARY = f"canary-{secrets.token_hex(12)}"
NAMES = ("gwsec-one", "gwsec-two")


@pytest.fixture(scope="module")
def place() -> Place:
    return place_here()


@pytest.fixture(scope="module")
def tenants(place: Place) -> Iterator[tuple[Tenant, Tenant]]:
    """Two tenants, each with a secret and a client that asks the database."""
    image = json.loads(Paths.for_user().image_digests.read_text())["postgres"]
    reach = place.reach
    with reach.any() as api:
        asking = reach.operator(api)
        configure.tenants(asking, NAMES)
        for name in NAMES:
            put(asking, name, "key", json.dumps({"value": f"{CANARY}-{name}"}), None)
    one, two = (Tenant(name=name, place=place, image=image) for name in NAMES)
    try:
        for tenant in (one, two):
            tenant.make()
            tenant.deliver("key", Secret(path="key"))
        one.deliver("database", Secret(database="postgres"))
        for tenant in (one, two):
            tenant.wait_synced("key")
        one.wait_synced("database")
        one.run_client()
        yield one, two
    finally:
        for tenant in (one, two):
            tenant.remove()
        with reach.any() as api:
            for name in NAMES:
                configure.forget(reach.operator(api), name, database=True)


def test_a_secret_reaches_its_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        assert tenant.secret("key") == {"value": f"{CANARY}-{tenant.name}"}


def test_a_tenant_reads_nothing_of_another_s(place: Place, tenants: tuple[Tenant, Tenant]) -> None:
    one, two = tenants
    token = place.reach.token_of(TENANT_ACCOUNT, one.name)
    with place.reach.any() as api:
        asking = login(api, tenant_role(one.name), token)
        own = asking.read(f"secret/data/tenants/{one.name}/key")
        assert data(data(own))["value"] == f"{CANARY}-{one.name}"
        for path in (f"secret/data/tenants/{two.name}/key", f"database/creds/{tenant_role(two.name)}"):
            with pytest.raises(Refused) as refused:
                asking.read(path)
            assert refused.value.status == 403
        with pytest.raises(Refused) as refused:
            login(api, tenant_role(two.name), token)
        assert refused.value.status in {400, 403}
    # and by its own store, which is what a tenant's people could write
    one.deliver("stolen", Secret.model_construct(path=f"../{two.name}/key", database=None, refresh=None))
    refused_too = ("False", "SecretSyncedError")
    assert wait_until(lambda: one.status("stolen") == refused_too, SYNC_SECONDS), one.status("stolen")


def test_a_pod_of_a_tenant_does_not_even_reach_openbao(tenants: tuple[Tenant, Tenant]) -> None:
    ask = f"timeout 3 bash -c '</dev/tcp/openbao-nodes.{NAMESPACE}.svc.cluster.local/8200'"
    assert inside(tenants[0].name, "client", "client", "sh", "-c", "true").returncode == 0
    assert inside(tenants[0].name, "client", "client", "sh", "-c", ask).returncode != 0


def test_a_rotated_database_user_reaches_the_client_with_no_failed_request(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    before = one.users()
    one.renew("database")
    # The kubelet may have looked before it knew of the change: it looks again within a minute and a half.
    assert wait_until(lambda: bool(one.users() - before), SYNC_SECONDS)
    assert set(one.requests(2000)) == {"ok"}, one.logs()


def test_sealed_it_stops_nobody_who_runs(place: Place, tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    reach = place.reach
    with reach.any() as api:
        reach.operator(api).write("sys/seal")
        assert seal_of(api).sealed
    count = len(one.requests(100_000))
    assert wait_until(lambda: _unsealed() == 0, 30.0)
    assert wait_until(lambda: len(one.requests(100_000)) > count + 5, 180.0)
    with reach.any() as api:
        unseal(api, place.shares)
        wait_active(api)
    assert wait_until(lambda: _unsealed() == 1, 30.0)
    assert set(one.requests(100_000)) == {"ok"}, one.logs()


def test_after_a_wipe_a_snapshot_brings_every_secret_back(
    place: Place, tenants: tuple[Tenant, Tenant], tmp_path: Path
) -> None:
    one, _ = tenants
    reach, file = place.reach, tmp_path / "snapshot"
    with reach.any() as api:
        snapshot(reach.operator(api), file)
        with root(api, place.shares) as asking:
            before = _all(asking)
    assert f"tenants/{one.name}/key" in before
    _wipe(place)
    with reach.any() as api:
        assert not seal_of(api).initialized
        restore(api, file, place.shares)
        with root(api, place.shares) as asking:
            assert _all(asking) == before
    one.renew("database")
    assert set(one.requests(100_000)) == {"ok"}, one.logs()


def test_up_finds_nothing_to_do_afterwards(place: Place) -> None:
    settle(place, NAMES, Quiet())
    with place.reach.any() as api:
        assert not seal_of(api).sealed


def test_no_secret_stands_where_it_must_not(place: Place, tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    hidden = [CANARY, one.secret("database")["password"], *place.shares.present()]
    seen = {
        "events": kubectl("get", "events", "-A", "-o", "json").stdout,
        "objects": kubectl("get", "pods,configmaps,externalsecrets,secretstores", "-A", "-o", "json").stdout,
        "processes": "".join(_read(file) for file in Path("/proc").glob("[0-9]*/cmdline")),
        "environments": "".join(_read(file) for file in Path("/proc").glob("[0-9]*/environ")),
        "state": "".join(_read(file) for file in place.paths.pulumi_state.rglob("*") if file.is_file()),
    }
    for namespace in (NAMESPACE, "groundwork-data", one.name):
        for pod in kubectl("get", "pods", "-n", namespace, "-o", "name").stdout.split():
            seen[f"log of {pod}"] = kubectl("logs", "-n", namespace, pod, "--all-containers", check=False).stdout
    own = [str(word) for word in hidden]
    found = [(where, len(word)) for where, text in seen.items() for word in own if word in text]
    assert found == []
    assert seen["log of pod/openbao-0"], "an audit device writes there"


def test_the_database_comes_back_when_its_pod_is_replaced(tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    before = kubectl("get", "pod", "postgres-0", "-n", "groundwork-data", "-o", "jsonpath={.metadata.uid}").stdout
    kubectl("delete", "pod", "postgres-0", "-n", "groundwork-data")
    path = "jsonpath={.metadata.uid} {.status.containerStatuses[0].ready}"

    def back() -> bool:
        found = kubectl("get", "pod", "postgres-0", "-n", "groundwork-data", "-o", path, check=False).stdout.split()
        return len(found) == 2 and found[0] != before and found[1] == "true"

    assert wait_until(back, 240.0), kubectl("logs", "postgres-0", "-n", "groundwork-data", check=False).stdout
    assert wait_until(lambda: one.requests(5) == ["ok"] * 5, 180.0), one.logs()


def test_a_forgotten_tenant_leaves_no_role_in_the_database(place: Place, tenants: tuple[Tenant, Tenant]) -> None:
    one, _ = tenants
    owner = database_owner(one.name)
    assert owner in _roles()
    forget_tenants(place, [one.name], Quiet())
    left = _roles()
    assert [name for name in left if owner in name or one.name in name] == []
    assert "openbao" in left


@pytest.mark.long
def test_an_agent_reads_what_its_manifest_names_and_a_deleted_tenant_leaves_nothing(
    place: Place, tmp_path: Path
) -> None:
    name, checkout = "gwsec-three", copy_of_checkout(tmp_path)
    succeeded(groundwork("vault", "put", name, "key", stdin=json.dumps({"value": CANARY})))
    folder = checkout / "tenants" / name
    shutil.copytree(checkout / "local/tenants/template", folder)
    text = (folder / "tenant.yaml").read_text()
    (folder / "tenant.yaml").write_text(text.replace("COST_CENTRE", name).replace("NAME", name))
    with (folder / "agents/assistant.yaml").open("a") as manifest:
        manifest.write("  secrets:\n    key: {path: key}\n    database: {database: postgres}\n")
    try:
        succeeded(groundwork("tenant", "add", name, checkout=checkout))
        program = "from pathlib import Path; print({p.parent.name + '/' + p.name: p.read_text() for p in "
        program += "Path('/run/secrets/agent').glob('*/*') if p.is_file()})"
        # An autoscaler may have made a second one by now, which does not run yet.
        named = ("-l", "groundwork/agent=assistant", "--sort-by=.metadata.creationTimestamp", "-o", "name")
        pod, *_ = kubectl("get", "pods", "-n", name, *named).stdout.split()
        read = inside(name, pod.removeprefix("pod/"), "agent", "/opt/agent/bin/python", "-c", program)
        found = ast.literal_eval(read.stdout)
        assert found["key/value"] == CANARY
        assert found["database/username"] and found["database/password"]
        assert database_owner(name) in _roles()
    finally:
        succeeded(groundwork("tenant", "delete", name, "--yes", checkout=checkout))
    assert [role for role in _roles() if database_owner(name) in role or name in role] == []
    with place.reach.any() as api, root(api, place.shares) as asking:
        assert f"{name}/" not in asking.names("secret/metadata/tenants")
        assert tenant_role(name) not in asking.names("auth/kubernetes/role")


def test_a_master_that_is_no_superuser_makes_a_role_for_openbao_over_tls(place: Place) -> None:
    """As RDS is set up: its master may make roles, and owns a database; the certificate is checked."""
    name, made = "gwsec_rds", Database(username="gwsec_master", password=secrets.token_urlsafe(32))
    connection = replace(configure.INSIDE, name=name)
    service = kubectl("get", "service", "postgres", "-n", "groundwork-data", "-o", "jsonpath={.spec.clusterIP}")
    address = service.stdout
    _sql(
        f"CREATE ROLE {made.username} CREATEROLE LOGIN PASSWORD '{made.password}'",
        f"GRANT pg_signal_backend TO {made.username} WITH ADMIN OPTION",
        f"CREATE DATABASE {name} OWNER {made.username}",
    )
    try:
        with place.reach.any() as api, root(api, place.shares) as by_root:
            with pytest.raises(Refused, match="certificate"):  # it does not name what it is reached by
                rds.administrator(by_root, replace(connection, host=address), made, "gwsec_openbao")
            assert "gwsec_openbao" not in _roles()
            role = rds.administrator(by_root, connection, made, "gwsec_openbao")
            assert [*by_root.names("database/config")] == [configure.CONNECTION]
        url = f"postgresql://{role.username}:{role.password}@127.0.0.1/{name}?sslmode=require"
        rights = "SELECT rolcreaterole, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = user"
        assert _psql(url, rights) == "t|f|f"
        assert _psql(url, "SELECT has_database_privilege(current_database(), 'CREATE')") == "t"
    finally:
        _sql(f"DROP DATABASE {name}", "DROP ROLE IF EXISTS gwsec_openbao", f"DROP ROLE {made.username}")


@pytest.mark.parametrize(
    ("book", "changed"),
    [
        pytest.param("init", 0, marks=pytest.mark.long),
        ("unseal", 0),
        pytest.param("revoke_root", 0, marks=pytest.mark.long),
        pytest.param("upgrade", 0, marks=pytest.mark.long),
        ("snapshot", 1),
    ],
)
def test_a_playbook_is_safe_to_run_on_what_is_well(book: str, changed: int, tmp_path: Path) -> None:
    programs, books = Path(sys.executable).parent, CHECKOUT / "playbooks/vault"
    given = json.dumps({"groundwork": str(programs / "groundwork"), "snapshot_file": str(tmp_path / "snap")})
    command: list[str | Path] = [programs / "ansible-playbook", "-i", "localhost,", "-e", given, books / f"{book}.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "playbooks/ansible.cfg"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"changed={changed}\b", done.stdout), done.stdout
    if book == "snapshot":
        assert (tmp_path / "snap").stat().st_size > 0


def _roles() -> list[str]:
    return _sql("SELECT rolname FROM pg_roles").split()


def _sql(*statements: str) -> str:
    """As the superuser, over the server's socket."""
    return "".join(_psql("postgresql:///postgres?host=/tmp&user=postgres", each) for each in statements)


def _psql(url: str, statement: str) -> str:
    """In the server's pod; by standard input, as there are passwords in it."""
    program = 'read -r url; exec psql -X -q -At -v ON_ERROR_STOP=1 "$url" -f -'
    command = ["exec", "-i", "postgres-0", "-n", "groundwork-data", "--", "sh", "-c", program]
    return kubectl(*command, stdin=f"{url}\n{statement};\n").stdout.strip()


def _unsealed() -> float:
    kind = from_file(settings_file("local", CHECKOUT)).secrets.kind
    pod = f"https:{OPENBAO}-0:8202" if kind.tls_metrics else f"{OPENBAO}-0:8202"
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/proxy{METRICS_PATH}?format=prometheus"
    text = kubectl("get", "--raw", path).stdout
    found = dict(re.findall(r'^vault_core_unsealed\{cluster="([^"]*)"\} (\S+)$', text, re.MULTILINE))
    # As the alert does it: one without the cluster's name stays from the time before the node knew it.
    return float(next((value for name, value in found.items() if name), found.get("", "nan")))


def _wipe(place: Place) -> None:
    """The node's disk is lost: both volumes, with all that is in them."""
    kubectl("scale", "statefulset", OPENBAO, "-n", NAMESPACE, "--replicas=0")
    assert wait_until(lambda: not place.reach.pods(), 180.0)
    for folder in (place.paths.volumes / OPENBAO).iterdir():
        for each in folder.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    kubectl("scale", "statefulset", OPENBAO, "-n", NAMESPACE, "--replicas=1")
    assert wait_until(lambda: bool(place.reach.pods()), 180.0)
    place.reach.wait_running()


def _all(asking: Api, folder: str = "tenants/") -> dict[str, object]:
    found: dict[str, object] = {}
    for name in asking.names(f"secret/metadata/{folder}"):
        if name.endswith("/"):
            found |= _all(asking, folder + name)
        else:
            found[folder + name] = data(data(asking.read(f"secret/data/{folder}{name}")))
    return found


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
