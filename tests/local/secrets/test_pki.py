"""OpenBao and HashiCorp Vault below the mesh's root: its clients trust what they sign, and they sign no more."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import JsonValue

from components.secrets.kinds import Kind
from components.secrets.names import MESH_AUTHORITY, OPERATOR
from domains_operator import openbao as operator
from domains_operator.certificates import Cause, Issued, IssueError, OwnIssuer, new_authority, request
from groundwork.errors import UserError
from local.authority.certificates import (
    INTERMEDIATE_LIFE,
    Authority,
    new_intermediate,
    new_request,
    new_root,
    parse_all,
    path_length,
    sign_openbao,
)
from local.secrets import configure, pki
from local.secrets.api import Api, Refused, data
from local.secrets.life import initialise, root, unseal, wait_active
from tests.local.authority.old import old_root
from tests.local.secrets.bao import Bao, openbao

pytestmark = pytest.mark.engine
ZONE, HOST = "groundwork.test", "agents.companyx.com"
NAMES = [*pki.of_zone(ZONE), HOST]
ROOT = new_root(dt.datetime.now(dt.UTC).replace(microsecond=0))
SUBJECT = "system:serviceaccount:groundwork-domains:domains"


def now() -> dt.datetime:
    """Not that of when this file was read, which may be long before its tests are run."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


class Told:
    """What the domains' operator reads of the cluster."""

    def __init__(self, told: dict[str, str]) -> None:
        self.told = told

    def config(self, name: str) -> dict[str, str]:
        assert name == operator.CONFIG
        return self.told


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> Iterator[Bao]:
    """Set up by root as `up` does it, but that service accounts are believed by a key: there is no cluster to ask."""
    with openbao(tmp_path_factory.mktemp(kind.name), kind=kind) as running:
        token = initialise(running.api, running.shares)
        unseal(running.api, running.shares)
        wait_active(running.api)
        with root(running.api, running.shares, token) as asking:
            configure.mounts(asking)
            for name, (_, policy) in configure.accounts(kind).items():
                asking.write(f"sys/policies/acl/{name}", {"policy": policy})
        assert pki.allow(_as(running, OPERATOR), NAMES)
        assert pki.follow(_as(running, MESH_AUTHORITY), ROOT, ROOT.certificate, now())
        yield running


@pytest.fixture(scope="module")
def issuer(bao: Bao, tmp_path_factory: pytest.TempPathFactory) -> operator.PlatformIssuer:
    """The domains' operator's, with a token of its account."""
    signer, token = ec.generate_private_key(ec.SECP256R1()), tmp_path_factory.mktemp("token") / "token"
    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims = {"sub": SUBJECT, "aud": "openbao", "iat": now(), "exp": now() + dt.timedelta(hours=1)}
    token.write_text(jwt.encode(claims, signer, algorithm="ES256"))
    with root(bao.api, bao.shares) as asking:
        asking.write("sys/auth/kubernetes", {"type": "jwt"})
        asking.write("auth/kubernetes/config", {"jwt_validation_pubkeys": [public]})
        bound: dict[str, JsonValue] = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_subject": SUBJECT,
            "bound_audiences": ["openbao"],
            "token_policies": [operator.ROLE],
        }
        asking.write(f"auth/kubernetes/role/{operator.ROLE}", bound)
    return operator.PlatformIssuer(Told(_told(bao)), _own(), token)


def test_its_own_authority_is_the_root_s_and_its_key_never_leaves(bao: Bao) -> None:
    asking = _as(bao, MESH_AUTHORITY)
    (own,) = parse_all(str(pki.authority(asking)))
    own.verify_directly_issued_by(ROOT.parsed())
    assert path_length(own) == 1
    assert own.not_valid_after_utc == ROOT.parsed().not_valid_after_utc
    assert not pki.follow(asking, ROOT, ROOT.certificate, now())
    for path in ("pki/intermediate/generate/exported", "pki/root/generate/exported", "pki/root/generate/internal"):
        with pytest.raises(Refused) as refused:
            asking.write(path, {"common_name": "x", "key_type": "ec"})
        assert refused.value.status == 403
    assert "PRIVATE KEY" not in json.dumps(asking.read("pki/issuer/default"))


def test_the_mesh_s_intermediate_leads_to_the_root_and_signs_leaves_alone(bao: Bao, tmp_path: Path) -> None:
    made = pki.intermediate(_as(bao, MESH_AUTHORITY), ROOT, now())
    assert made is not None
    certificate = made.parsed()
    assert path_length(certificate) == 0
    assert INTERMEDIATE_LIFE - dt.timedelta(minutes=5) < certificate.not_valid_after_utc - now()
    assert certificate.not_valid_after_utc - now() < INTERMEDIATE_LIFE + dt.timedelta(minutes=5)
    assert len(parse_all(made.above)) == 1, "all of the chain, without the root"
    assert _verified(tmp_path, made.certificate, made.above)
    # as istiod signs a pod's
    leaf = OwnIssuer(_issued(made), dt.timedelta(days=1)).issue(["pod"])
    assert _verified(tmp_path, leaf.chain.decode(), made.certificate + made.above)
    assert not _verified(tmp_path, leaf.chain.decode(), made.certificate), "the chain is wanted whole"
    # what an authority would sign that it signed is trusted by nobody: it has another name, as none of the same counts
    below = new_intermediate(made, now() - dt.timedelta(days=1))
    leaf = OwnIssuer(_issued(below), dt.timedelta(days=1)).issue(["pod"])
    assert not _verified(tmp_path, leaf.chain.decode(), below.certificate + made.certificate + made.above)


def test_below_a_root_without_room_nobody_would_trust_the_mesh(tmp_path: Path) -> None:
    """Why such a root is refused."""
    for above, wanted in ((old_root(now()), False), (new_root(now()), True)):
        key, asked, _ = new_request(now())
        between = Authority(certificate=sign_openbao(above, asked, now()), key=key)
        mesh = new_intermediate(between, now() - dt.timedelta(days=1))
        leaf = OwnIssuer(_issued(mesh), dt.timedelta(days=1)).issue(["pod"])
        chain = mesh.certificate + between.certificate
        assert _verified(tmp_path, leaf.chain.decode(), chain, trusted=above) is wanted


@pytest.mark.parametrize(
    "change",
    [
        {"max_path_length": "1"},
        {"max_path_length": "-1"},
        {"not_after": "2036-01-01T00:00:00Z"},
        {"use_csr_values": True},
        {"common_name": "another"},
        {"alt_names": "gateway.test"},
        {"uri_sans": "spiffe://cluster.local/ns/a/sa/b"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_other_intermediate_is_signed(bao: Bao, change: dict[str, JsonValue]) -> None:
    _, asked, name = new_request(now())
    usual: dict[str, JsonValue] = {"csr": asked, "common_name": name, "max_path_length": "0", "ttl": "1h"}
    asking = _as(bao, MESH_AUTHORITY)
    assert asking.write("pki/root/sign-intermediate", usual)
    with pytest.raises(Refused) as refused:
        asking.write("pki/root/sign-intermediate", usual | change)
    assert refused.value.status == 403


def test_a_longer_life_than_the_mount_s_is_not_given(bao: Bao) -> None:
    _, asked, name = new_request(now())
    body: dict[str, JsonValue] = {"csr": asked, "common_name": name, "max_path_length": "0", "ttl": "9000h"}
    made = data(_as(bao, MESH_AUTHORITY).write("pki/root/sign-intermediate", body))
    (certificate,) = parse_all(str(made["certificate"]))
    assert certificate.not_valid_after_utc - now() < INTERMEDIATE_LIFE + dt.timedelta(minutes=5)


@pytest.mark.parametrize("names", [[f"*.{ZONE}", ZONE], [HOST]], ids=["wildcard", "custom"])
def test_the_operator_gets_certificates_that_the_root_s_clients_take(
    issuer: operator.PlatformIssuer, bao: Bao, tmp_path: Path, names: list[str]
) -> None:
    made = issuer.issue(names)
    leaf, *above = x509.load_pem_x509_certificates(made.chain)
    assert operator.is_its(leaf.issuer.rfc4514_string())
    assert operator.is_current(made.chain, _told(bao))
    assert not operator.is_current(made.chain, {})
    assert _verified(tmp_path, *_split(made.chain), host=names[0].replace("*", "acme"))
    assert not _verified(tmp_path, *_split(made.chain), host="elsewhere.test")
    assert len(above) == 1
    assert leaf.not_valid_after_utc - now() < INTERMEDIATE_LIFE + dt.timedelta(minutes=5)
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH], "of no use to a client in the mesh"


@pytest.mark.parametrize("names", [["evil.test"], [ZONE, "evil.test"], [f"a.b.{ZONE}"], [f"*.{HOST}"], [f"*.a.{ZONE}"]])
def test_for_other_names_it_gets_none(issuer: operator.PlatformIssuer, names: list[str]) -> None:
    with pytest.raises(IssueError, match="not allowed by this role") as refused:
        issuer.issue(names)
    assert refused.value.cause is Cause.REFUSED


def test_a_host_that_was_added_is_signed_for(bao: Bao, issuer: operator.PlatformIssuer) -> None:
    asking = _as(bao, OPERATOR)
    assert pki.allow(asking, [*NAMES, "added.test"])
    assert not pki.allow(asking, [*NAMES, "added.test"])
    issuer.issue(["added.test"])
    pki.allow(asking, NAMES)
    with pytest.raises(IssueError):
        issuer.issue(["added.test"])


def test_each_account_may_do_nothing_else(bao: Bao) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    asked = {"csr": request(key, [ZONE])}
    _, csr, name = new_request(now())
    mesh: dict[str, JsonValue] = {"csr": csr, "common_name": name, "max_path_length": "0", "ttl": "1h"}
    refusals: list[tuple[str, str, dict[str, JsonValue]]] = [
        (operator.ROLE, "pki/root/sign-intermediate", mesh),
        (operator.ROLE, "pki/sign-verbatim", {**asked}),
        (operator.ROLE, "pki/issue/gateways", {"common_name": ZONE}),
        (operator.ROLE, "pki/roles/gateways", pki.role(["evil.test"])),
        (operator.ROLE, "pki/roles/other", pki.role(["evil.test"])),
        (operator.ROLE, "pki/sign/gateways", {**asked, "not_after": "2026-12-30T00:00:00Z"}),
        (operator.ROLE, "secret/data/tenants/acme/key", {"data": {}}),
        (MESH_AUTHORITY, "pki/sign/gateways", {**asked}),
        (MESH_AUTHORITY, "pki/issuer/default/sign-intermediate", mesh),
        (MESH_AUTHORITY, "pki/roles/gateways", pki.role(["evil.test"])),
        (MESH_AUTHORITY, "secret/data/tenants/acme/key", {"data": {}}),
        (OPERATOR, "pki/root/sign-intermediate", mesh),
        (OPERATOR, "pki/sign/gateways", {**asked}),
        (OPERATOR, "pki/intermediate/set-signed", {"certificate": ROOT.certificate}),
    ]
    for account, path, body in refusals:
        with pytest.raises(Refused) as refused:
            _as(bao, account).write(path, body)
        assert refused.value.status == 403, (account, path)


def test_a_root_without_room_is_refused_with_what_to_do(bao: Bao) -> None:
    old, asking = old_root(now()), _as(bao, MESH_AUTHORITY)
    before = pki.authority(asking)
    with pytest.raises(UserError, match="path length 1") as refused:
        pki.follow(asking, old, old.certificate + ROOT.certificate, now())
    assert refused.value.fix is not None and "groundwork mesh root rotate" in refused.value.fix
    assert pki.authority(asking) == before
    assert pki.intermediate(asking, old, now()) is None


def test_with_a_new_root_it_has_another_authority_and_the_old_one_goes_with_its_root(bao: Bao, tmp_path: Path) -> None:
    asking, new = _as(bao, MESH_AUTHORITY), new_root(now())
    before = asking.names("pki/issuers")
    assert pki.follow(asking, new, ROOT.certificate + new.certificate, now())
    assert set(before) < set(asking.names("pki/issuers")), "both roots are trusted: both authorities are there"
    made = pki.intermediate(asking, new, now())
    assert made is not None
    assert _verified(tmp_path, made.certificate, made.above, trusted=new)
    assert not _verified(tmp_path, made.certificate, made.above), "nobody who trusts the old root alone"
    assert pki.intermediate(asking, ROOT, now()) is None
    pki.follow(asking, new, new.certificate, now())
    assert len(asking.names("pki/issuers")) == 1
    with root(bao.api, bao.shares) as by_root:
        assert len(by_root.names("pki/keys")) == 1
    # the tests beside this one are of the first root
    assert pki.follow(asking, ROOT, ROOT.certificate, now())


def test_near_the_root_s_end_nothing_outlives_it(bao: Bao, issuer: operator.PlatformIssuer) -> None:
    asking, short = _as(bao, MESH_AUTHORITY), new_root(now(), dt.timedelta(days=5))
    pki.follow(asking, short, short.certificate, now())
    ends = short.parsed().not_valid_after_utc
    try:
        made = pki.intermediate(asking, short, now())
        assert made is not None
        assert abs(made.parsed().not_valid_after_utc - ends) < dt.timedelta(minutes=5)
        leaf, *_ = x509.load_pem_x509_certificates(issuer.issue([HOST]).chain)
        assert leaf.not_valid_after_utc <= ends
    finally:
        pki.follow(asking, ROOT, ROOT.certificate, now())


def test_sealed_it_is_said_to_be_tried_again_and_unsealed_it_signs(bao: Bao, issuer: operator.PlatformIssuer) -> None:
    _as(bao, OPERATOR).write("sys/seal")
    with pytest.raises(IssueError, match="sealed") as refused:
        issuer.issue([HOST])
    assert refused.value.cause is Cause.UNREACHABLE
    unseal(bao.api, bao.shares)
    wait_active(bao.api)
    issuer.issue([HOST])


def test_without_openbao_the_operator_signs_by_itself() -> None:
    made = operator.PlatformIssuer(Told({}), _own(), Path("/nowhere")).issue([HOST])
    assert len(x509.load_pem_x509_certificates(made.chain)) == 1
    assert operator.is_current(made.chain, {})


def test_without_a_token_it_is_tried_again(bao: Bao) -> None:
    with pytest.raises(IssueError, match="no token") as refused:
        operator.PlatformIssuer(Told(_told(bao)), _own(), Path("/nowhere")).issue([HOST])
    assert refused.value.cause is Cause.UNREACHABLE


def _as(bao: Bao, policy: str) -> Api:
    """Who has the policy. Who gets it is what the cluster's tests see."""
    with root(bao.api, bao.shares) as asking:
        made = asking.write("auth/token/create-orphan", {"policies": [policy], "ttl": "5m"})["auth"]
    return bao.api.as_(str(made["client_token"] if isinstance(made, dict) else ""))


def _told(bao: Bao) -> dict[str, str]:
    issuer = str(pki.authority(_as(bao, MESH_AUTHORITY)))
    ca = (bao.folder / "tls" / "ca.crt").read_text()
    return {"address": bao.api.address, "ca.crt": ca, "issuer.crt": issuer, "roots.crt": ROOT.certificate}


def _own() -> OwnIssuer:
    return OwnIssuer(new_authority("Groundwork test", dt.timedelta(days=10)), dt.timedelta(days=9))


def _issued(made: Authority) -> Issued:
    return Issued(key=made.key.encode(), chain=made.certificate.encode())


def _split(chain: bytes) -> tuple[str, str]:
    leaf, *above = (each.public_bytes(Encoding.PEM).decode() for each in x509.load_pem_x509_certificates(chain))
    return leaf, "".join(above)


def _verified(folder: Path, leaf: str, above: str, *, trusted: Authority = ROOT, host: str | None = None) -> bool:
    """Whether OpenSSL takes it, where nothing but the root is trusted."""
    files = {"leaf": leaf, "above": above, "root": trusted.certificate}
    for name, text in files.items():
        (folder / name).write_text(text)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-no-CApath",
        "-no-CAstore",
        "-CAfile",
        "root",
        "-untrusted",
        "above",
    ]
    named = ["-verify_hostname", host] if host is not None else []
    return subprocess.run([*command, *named, "leaf"], cwd=folder, capture_output=True, check=False).returncode == 0
