"""The life of a real OpenBao, and of a real HashiCorp Vault: what must be refused is, and nothing is lost."""

from __future__ import annotations

import base64
import json
import re
import shutil
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import JsonValue

from components.secrets.kinds import Kind
from groundwork.errors import UserError
from local.secrets import configure, rules
from local.secrets.api import Api, Refused, data
from local.secrets.life import initialise, rekey, restore, revoke_roots, root, seal_of, snapshot, unseal, wait_active
from local.secrets.shares import Shares
from tests.free_ports import free_ports
from tests.local.secrets.bao import Bao, openbao

pytestmark = pytest.mark.engine
SECRET = "canary-7d1f0c5e"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp(kind.name), kind=kind) as running:
        yield running


@pytest.fixture(scope="module")
def unsealed(bao: Bao) -> Bao:
    """Initialised and unsealed, with root's part done but for the way in by service accounts, and root revoked."""
    token = initialise(bao.api, bao.shares)
    assert token is not None
    unseal(bao.api, bao.shares)
    wait_active(bao.api)
    with root(bao.api, bao.shares, token) as asking:
        configure.audits(asking)
        configure.mounts(asking)
        for tenant in ("acme", "globex"):
            name = f"tenant-{tenant}"
            asking.write(f"sys/policies/acl/{name}", {"policy": rules.tenant_policy(tenant)})
            asking.write(f"secret/data/tenants/{tenant}/key", {"data": {"value": f"{SECRET}-{tenant}"}})
        asking.write("sys/policies/acl/operator", {"policy": rules.operator_policy(bao.api.kind)})
    # root() has seen that the token's next call is refused
    with pytest.raises(Refused) as refused:
        bao.api.as_(token).read("secret/data/tenants/acme/key")
    assert refused.value.status == 403
    return bao


def test_each_share_has_a_file_of_its_own_that_only_its_owner_reads(unsealed: Bao) -> None:
    texts = [file.read_text() for file in unsealed.shares.files]
    assert len({file.parent for file in unsealed.shares.files}) == len(set(texts)) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in unsealed.shares.files} == {0o600}


def test_a_second_initialisation_does_nothing(unsealed: Bao) -> None:
    before = [file.read_text() for file in unsealed.shares.files]
    assert initialise(unsealed.api, unsealed.shares) is None
    assert [file.read_text() for file in unsealed.shares.files] == before


def test_below_the_threshold_it_stays_sealed(unsealed: Bao) -> None:
    _with_policy(unsealed, "operator").write("sys/seal")
    one = Shares(files=(unsealed.shares.files[0], Path("/nowhere/share")), threshold=2)
    with pytest.raises(UserError, match="1 of the 2 shares"):
        unseal(unsealed.api, one)
    # the server itself, given one share alone
    unsealed.api.write("sys/unseal", {"key": unsealed.shares.files[0].read_text().strip()})
    assert seal_of(unsealed.api).sealed
    with pytest.raises(Refused) as refused:
        unsealed.api.as_("any").read("secret/data/tenants/acme/key")
    assert refused.value.status == 503

    assert unseal(unsealed.api, unsealed.shares)
    assert not unseal(unsealed.api, unsealed.shares)
    wait_active(unsealed.api)


def test_metrics_say_that_it_is_sealed_and_where_it_can_be_the_port_serves_nothing_else(unsealed: Bao) -> None:
    context = ssl.create_default_context(cafile=unsealed.folder / "tls" / "ca.crt")

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"{unsealed.metrics}{path}", verify=context)

    def gauge() -> float:
        text = ask("/v1/sys/metrics?format=prometheus").text
        # One more, without the cluster's name, stays from the time before it had one.
        wanted = re.compile(r'vault_core_unsealed\{cluster="[^"]+"\} (\S+)')
        return next(float(found[1]) for line in text.splitlines() if (found := wanted.match(line)))

    _with_policy(unsealed, "operator").write("sys/seal")
    assert gauge() == 0
    unseal(unsealed.api, unsealed.shares)
    wait_active(unsealed.api)
    assert gauge() == 1
    # The one has a port for metrics alone, the other has TLS there.
    if unsealed.api.kind.tls_metrics:
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{unsealed.metrics}/v1/sys/metrics".replace("https:", "http:")).raise_for_status()
    else:
        assert ask("/v1/sys/seal-status").status_code == 404


def test_a_tenant_reads_its_own_secrets_and_no_other_s(unsealed: Bao) -> None:
    asking = _with_policy(unsealed, "tenant-acme")
    assert data(data(asking.read("secret/data/tenants/acme/key"))) == {"value": f"{SECRET}-acme"}
    for path in (
        "secret/data/tenants/globex/key",
        "secret/metadata/tenants/globex/key",
        "database/creds/tenant-globex",
    ):
        with pytest.raises(Refused) as refused:
            asking.read(path)
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        asking.write("secret/data/tenants/acme/key", {"data": {"value": "x"}})
    assert refused.value.status == 403


def test_the_operator_writes_secrets_that_it_cannot_read(unsealed: Bao) -> None:
    asking = _with_policy(unsealed, "operator")
    asking.write("secret/data/tenants/acme/written", {"data": {"value": "1"}})
    for path in ("secret/data/tenants/acme/written", "secret/data/tenants/acme/key"):
        with pytest.raises(Refused) as refused:
            asking.read(path)
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        asking.write("sys/policies/acl/operator", {"policy": 'path "*" { capabilities = ["sudo"] }'})
    assert refused.value.status == 403


def test_a_tenant_s_key_encrypts_for_it_alone_and_a_forgotten_tenant_leaves_nothing(unsealed: Bao) -> None:
    plain = base64.b64encode(b"a payload").decode()
    with root(unsealed.api, unsealed.shares) as asking:
        asking.write("sys/auth/kubernetes", {"type": "kubernetes"})
    operator = _with_policy(unsealed, "operator")
    assert configure.tenants(operator, ["gone", "stays"]) == ["gone", "stays"]
    for tenant in ("gone", "stays"):
        operator.write(f"secret/data/tenants/{tenant}/a/key", {"data": {"value": "1"}})
    gone, stays = (_with_policy(unsealed, f"tenant-{tenant}") for tenant in ("gone", "stays"))
    sealed = str(data(gone.write("transit/encrypt/tenant-gone", {"plaintext": plain}))["ciphertext"])
    assert plain not in sealed
    assert data(gone.write("transit/decrypt/tenant-gone", {"ciphertext": sealed}))["plaintext"] == plain
    with pytest.raises(Refused) as refused:
        stays.write("transit/decrypt/tenant-gone", {"ciphertext": sealed})
    assert refused.value.status == 403
    kept = str(data(stays.write("transit/encrypt/tenant-stays", {"plaintext": plain}))["ciphertext"])
    for _ in range(2):  # a run that was cut short is run again
        configure.forget(operator, "gone", database=False)
        with root(unsealed.api, unsealed.shares) as asking:
            found = [
                *asking.names("auth/kubernetes/role"),
                *asking.names("database/roles"),
                *asking.names("transit/keys"),
                *asking.names("identity/entity/name"),
                *asking.names("sys/policies/acl"),
                *asking.names("secret/metadata/tenants"),
            ]
            assert [name for name in found if "gone" in name] == []
            assert found.count("tenant-stays") == 5
    assert data(stays.write("transit/decrypt/tenant-stays", {"ciphertext": kept}))["plaintext"] == plain


def test_a_root_token_that_somebody_kept_is_found_and_ended(unsealed: Bao) -> None:
    with root(unsealed.api, unsealed.shares) as asking:
        made = asking.write("auth/token/create-orphan", {"policies": ["root"]})["auth"]
    assert isinstance(made, dict)
    kept, other = unsealed.api.as_(str(made["client_token"])), _with_policy(unsealed, "tenant-acme")
    assert kept.read("auth/token/lookup-self")
    assert revoke_roots(unsealed.api, unsealed.shares) == 1
    with pytest.raises(Refused) as refused:
        kept.read("auth/token/lookup-self")
    assert refused.value.status == 403
    assert other.read("auth/token/lookup-self"), "no other token ends"
    assert revoke_roots(unsealed.api, unsealed.shares) == 0


def test_both_audit_devices_write_and_neither_holds_a_secret(unsealed: Bao) -> None:
    file, output = unsealed.audits
    for text in (file, output):
        assert "secret/data/tenants/acme/key" in text
        assert SECRET not in text
        assert not any(share.read_text().strip() in text for share in unsealed.shares.files)
    assert json.loads(file.splitlines()[-1])["type"] == "response"


def test_both_audit_devices_are_there_and_one_that_is_gone_comes_back(unsealed: Bao) -> None:
    with root(unsealed.api, unsealed.shares) as asking:
        for device in asking.kind.audits[:1]:
            asking.delete(f"sys/audit/{device.path}")
            assert device.path not in data(asking.read("sys/audit"))
        for _ in range(2):
            configure.audits(asking)
            assert set(data(asking.read("sys/audit"))) == {"volume/", "output/"}


def test_rekey_proves_the_new_shares_and_ends_the_old_ones(unsealed: Bao, tmp_path: Path) -> None:
    old = [file.read_text() for file in unsealed.shares.files]
    kept = tmp_path / "kept"
    shutil.copytree(unsealed.folder / "shares", kept)
    rekey(_with_policy(unsealed, "operator"), unsealed.shares, unsealed.shares)
    assert not set(old) & {file.read_text() for file in unsealed.shares.files}
    assert not list(unsealed.folder.rglob("*.new"))
    _with_policy(unsealed, "operator").write("sys/seal")
    with pytest.raises(UserError):
        unseal(unsealed.api, Shares.below(kept, 3, 2))
    unseal(unsealed.api, unsealed.shares)
    wait_active(unsealed.api)


@pytest.mark.parametrize("given", [0, 1, 2], ids=["begun", "within", "before its proof"])
def test_a_rekey_that_was_cut_short_is_begun_anew(unsealed: Bao, given: int) -> None:
    asking, path = _with_policy(unsealed, "operator"), f"sys/{unsealed.api.kind.rekey}"
    split: dict[str, JsonValue] = {"secret_shares": 3, "secret_threshold": 2, "require_verification": True}
    begun = asking.write(f"{path}/init", split)
    nonce = (data(begun) or begun)["nonce"]
    for key in unsealed.shares.enough()[:given]:
        asking.write(f"{path}/update", {"key": key, "nonce": nonce})
    with pytest.raises(Refused):
        asking.write(f"{path}/init", split)
    rekey(asking, unsealed.shares, unsealed.shares)
    asking.write("sys/seal")
    unseal(unsealed.api, unsealed.shares)
    wait_active(unsealed.api)


def test_after_a_wipe_a_snapshot_brings_every_secret_back(tmp_path: Path, kind: Kind) -> None:
    """The node's name, address and folders stay, as those of a pod do: a snapshot has them, its audit devices' too."""
    ports, file = free_ports(3), tmp_path / "snapshot"
    with openbao(tmp_path / "node", ports, kind=kind) as bao:
        before = _all_of(bao, initialise(bao.api, bao.shares), file)
        shares = bao.shares
    assert len(before) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET.encode() not in file.read_bytes()
    for part in ("raft", "audit"):
        shutil.rmtree(tmp_path / "node" / part)
    with openbao(tmp_path / "node", ports, kind=kind) as bao:
        restore(bao.api, file, shares)
        assert not seal_of(bao.api).sealed
        with root(bao.api, shares) as asking:
            assert _all(asking) == before
            # and over one that holds something: back to what was
            asking.write("secret/data/tenants/acme/later", {"data": {"value": "1"}})
        restore(bao.api, file, shares)
        with root(bao.api, shares) as asking:
            assert _all(asking) == before


def _all_of(bao: Bao, token: str | None, file: Path) -> dict[str, object]:
    """Write two secrets and a snapshot; gives the secrets."""
    unseal(bao.api, bao.shares)
    wait_active(bao.api)
    with root(bao.api, bao.shares, token) as asking:
        configure.audits(asking)
        configure.mounts(asking)
        for tenant in ("acme", "globex"):
            asking.write(f"secret/data/tenants/{tenant}/key", {"data": {"value": f"{SECRET}-{tenant}"}})
        assert snapshot(asking, file) > 0
        return _all(asking)


def _with_policy(bao: Bao, policy: str) -> Api:
    with root(bao.api, bao.shares) as asking:
        made = asking.write("auth/token/create-orphan", {"policies": [policy], "ttl": "5m"})
    given = made["auth"]
    assert isinstance(given, dict)
    return bao.api.as_(str(given["client_token"]))


def _all(asking: Api, folder: str = "tenants/") -> dict[str, object]:
    found: dict[str, object] = {}
    for name in asking.names(f"secret/metadata/{folder}"):
        if name.endswith("/"):
            found |= _all(asking, folder + name)
        else:
            found[folder + name] = data(data(asking.read(f"secret/data/{folder}{name}")))
    return found
