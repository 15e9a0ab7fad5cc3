"""What is told of OpenBao and to whom, and that it can be away: with a cluster in memory."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from groundwork.errors import UserError
from local.authority.certificates import (
    Authority,
    fingerprint,
    new_intermediate,
    new_request,
    new_root,
    parse_all,
    sign_openbao,
)
from local.authority.mesh import MeshTrust
from local.cluster import Cluster
from local.secrets import pki
from local.secrets.issuing import OpenBaoBetween, hosts, publish
from local.secrets.reach import Reach

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Pretended(Cluster):
    """Objects by kind and name. `pods`: of OpenBao; none of them answers."""

    kubectl: Path = Path("/nowhere")
    kubeconfig: Path = Path("/nowhere")
    pods: tuple[str, ...] = ()
    held: dict[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    applied: list[Mapping[str, object]] = field(default_factory=list)
    done: list[tuple[str, ...]] = field(default_factory=list)

    def names(self, kind: str, namespace: str, selector: str) -> list[str]:
        assert (kind, namespace, selector) == ("pods", "groundwork-secrets", "app.kubernetes.io/name=openbao")
        return [*self.pods]

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:  # noqa: ARG002 – the base's
        return self.held.get((kind, name))

    def items(self, kinds: str, namespace: str | None = None) -> list[Mapping[str, object]]:  # noqa: ARG002 – the base's
        return [each for (kind, _), each in self.held.items() if kind == kinds]

    def apply(self, wanted: Mapping[str, object]) -> None:
        meta = wanted["metadata"]
        assert isinstance(meta, dict)
        self.held[str(wanted["kind"]).lower(), str(meta["name"])] = wanted
        self.applied.append(wanted)

    def do(self, *arguments: str) -> str:
        self.done.append(arguments)
        return ""

    def token(self, account: str, namespace: str, audience: str) -> str:
        raise UserError(what=f"no token of {namespace}/{account} for {audience}")


def test_where_there_is_no_openbao_nothing_is_asked_and_nothing_said(tmp_path: Path) -> None:
    said: list[str] = []
    between, root = OpenBaoBetween(cluster=Pretended(), folder=tmp_path / "openbao", say=said.append), new_root(NOW)
    assert between.intermediate(root, NOW) is None
    between.follow(root, root.certificate, NOW)
    assert said == []
    assert not (tmp_path / "openbao").exists()


def test_one_that_does_not_answer_is_told_and_the_root_does_without(tmp_path: Path) -> None:
    said: list[str] = []
    cluster, root = Pretended(pods=("openbao-0",), kubectl=Path("/bin/false")), new_root(NOW)
    between = OpenBaoBetween(cluster=cluster, folder=tmp_path, say=said.append)
    assert between.intermediate(root, NOW) is None
    between.follow(root, root.certificate, NOW)
    assert len(said) == 2
    assert all("openbao-0" in told and "does without OpenBao" in told for told in said)
    assert cluster.applied == []


def test_the_operator_is_told_once_where_there_is_one() -> None:
    cluster = Pretended()
    reach = Reach(cluster=cluster, authority="ca")
    assert not publish(reach, "issuer", "roots"), "an environment without domains"
    cluster.held["namespace", "groundwork-domains"] = {}
    assert publish(reach, "issuer", "roots")
    assert not publish(reach, "issuer", "roots")
    assert publish(reach, "issuer", "roots of a rotation")
    (_, last) = cluster.applied
    assert last["data"] == {
        "address": "https://openbao.groundwork-secrets.svc.cluster.local:8200",
        "ca.crt": "ca",
        "issuer.crt": "issuer",
        "roots.crt": "roots of a rotation",
    }


def test_the_hosts_of_all_domains_are_known() -> None:
    def domain(host: str, tenant: str) -> Mapping[str, object]:
        meta = {"name": host, "namespace": tenant, "uid": "1", "creationTimestamp": NOW, "resourceVersion": "1"}
        return {"metadata": meta, "spec": {"host": host}}

    kind = "domains.groundwork.internal"
    held = {(kind, "b.test"): domain("b.test", "acme"), (kind, "a.test"): domain("a.test", "globex")}
    assert hosts(Pretended(held=held)) == ["a.test", "b.test"]


def test_the_chain_in_the_mesh_s_secret_is_whole_and_without_the_root() -> None:
    cluster, root = Pretended(), new_root(NOW)
    key, asked, _ = new_request(NOW)
    between = Authority(certificate=sign_openbao(root, asked, NOW), key=key)
    made = new_intermediate(between, NOW)
    trust = MeshTrust(cluster=cluster)
    trust.write(Authority(certificate=made.certificate, key=made.key, above=between.certificate), root.certificate)
    secret = trust.secret()
    assert secret is not None
    assert parse_all(secret["cert-chain.pem"]) == [made.parsed(), between.parsed()]
    assert parse_all(secret["root-cert.pem"]) == [root.parsed()]
    ((verb, *_, note),) = cluster.done
    assert (verb, note) == ("annotate", f"groundwork/signer={fingerprint(made.parsed())[:16]}"), "the kubelet looks now"


def test_the_gateway_s_certificates_below_a_root_are_found_and_no_others() -> None:
    root, other = new_root(NOW), new_root(NOW)
    key, asked, _ = new_request(NOW)
    between = Authority(certificate=sign_openbao(root, asked, NOW), key=key)
    leaf = new_intermediate(between, NOW)

    def secret(name: str, chain: str) -> Mapping[str, object]:
        return {"metadata": {"name": name}, "data": {"tls.crt": base64.b64encode(chain.encode()).decode()}}

    held = {
        ("secrets", "wildcard"): secret("wildcard", leaf.certificate + between.certificate),
        ("secrets", "own"): secret("own", new_root(NOW).certificate),
        ("secrets", "opaque"): {"metadata": {"name": "opaque"}, "data": {"key": "eA=="}},
        ("secrets", "empty"): {"metadata": {"name": "empty"}},
    }
    trust = MeshTrust(cluster=Pretended(held=held))
    assert trust.gateways(root.parsed()) == ["wildcard"]
    assert trust.gateways(other.parsed()) == []


def test_what_openbao_is_signed_for_is_one_level_and_no_more() -> None:
    root = new_root(NOW)
    _, asked, _ = new_request(NOW)
    signed = x509.load_pem_x509_certificate(sign_openbao(root, asked, NOW).encode())
    constraints = signed.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 1)
    assert pki.has_room(root)
