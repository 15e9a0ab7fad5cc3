"""Secrets as a program declares them: confined pods, closed networks, and no secret in what the engine sees."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest

from components.agents.manifest import ManifestError
from components.data.place import DatabasePlace
from components.data.postgres import Postgres, PostgresArgs
from components.labels import Owner
from components.platform.specs import TenantSpec
from components.secrets import server
from components.secrets.kinds import OPENBAO, VAULT, Kind
from components.secrets.openbao import OpenBao, OpenBaoArgs
from components.secrets.rotator import Rotator, RotatorArgs
from components.secrets.snapshots import Snapshots, SnapshotsArgs
from components.storage import Storage
from components.tenancy.tenant import Tenant, TenantAgent, TenantArgs
from groundwork.errors import UserError
from local.secrets.shares import Shares
from local.secrets.values import Rotation
from tests.components.pod_security import violations
from tests.components.recording import Graph, at, record
from tests.components.samples import DIGEST, manifest

AUTHORITY = "-----BEGIN CERTIFICATE-----\nfor tests\n-----END CERTIFICATE-----\n"


def storage(folder: str | None = "/volumes") -> Storage:
    return Storage(namespace="groundwork-secrets", size="1Gi", parts=("data", "audit"), folder=folder)


def openbao(replicas: int = 3, folder: str | None = "/volumes", kind: Kind = OPENBAO) -> Graph:
    args = OpenBaoArgs(environment="local", image=DIGEST, storage=storage(folder), replicas=replicas, kind=kind)
    return record(lambda: OpenBao("openbao", args))


def tenant(authority: str | None = AUTHORITY, **spec: object) -> Graph:
    args = TenantArgs(
        owner=Owner(environment="local", tenant="acme", cost_centre="a"),
        spec=TenantSpec(hosts=["acme.groundwork.test"]),
        agents=[TenantAgent(manifest=manifest("concierge", **spec), image=DIGEST)],
        authority=authority,
        database=DatabasePlace.inside(authority) if authority else None,
    )
    return record(lambda: Tenant("acme", args))


def test_every_pod_is_restricted() -> None:
    postgres = PostgresArgs(environment="local", image=DIGEST, storage=storage())
    rotator = RotatorArgs(environment="local", image=DIGEST)
    snapshots = SnapshotsArgs(
        environment="dev", image=DIGEST, bucket="b", region="eu-west-1", account="1", every=timedelta(hours=1)
    )
    for graph, kind in (
        (openbao(), "StatefulSet"),
        (openbao(kind=VAULT), "StatefulSet"),
        (record(lambda: Postgres("postgres", postgres)), "StatefulSet"),
        (record(lambda: Rotator("rotator", rotator)), "Deployment"),
        (record(lambda: Snapshots("snapshots", snapshots)), "Deployment"),
    ):
        assert violations(graph.one(kind).at("spec", "template", "spec")) == []


def test_each_volume_is_for_one_claim() -> None:
    volumes = openbao().of("PersistentVolume")
    assert {at(each.inputs, "spec", "claimRef", "name") for each in volumes} == {
        f"{part}-openbao-{number}" for part in ("data", "audit") for number in range(3)
    }
    assert not openbao(folder=None).of("PersistentVolume")


def test_its_namespace_is_closed_and_only_its_own_pods_and_the_domains_operator_call_it() -> None:
    graph = openbao()
    assert graph.one("NetworkPolicy", "closed").at("spec") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (api, *_) = graph.one("NetworkPolicy", "openbao").inputs["spec"]["ingress"]  # type: ignore[index]  # JSON
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "groundwork-domains"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "domains"}},
    }
    assert api == {"from": [{"podSelector": {}}, operator], "ports": [{"port": 8200, "protocol": "TCP"}]}


@pytest.mark.parametrize("replicas", [0, 2, 4, 9])
def test_a_number_of_nodes_that_brings_nothing_is_refused(replicas: int) -> None:
    with pytest.raises(UserError, match="1, 3, 5 or 7"):
        server.configuration(replicas, None, OPENBAO)


def test_the_configuration_says_how_it_is_unsealed_and_has_two_audit_devices() -> None:
    shamir = json.loads(server.configuration(3, None, OPENBAO))
    assert "seal" not in shamir
    assert len(shamir["audit"]) == 2
    assert len(shamir["storage"]["raft"]["retry_join"]) == 3
    seal = server.KmsSeal(key_id="alias/openbao", region="eu-central-1", plugin=None)
    kms = json.loads(server.configuration(3, seal, OPENBAO))
    assert kms["seal"] == {"awskms": {"kms_key_id": "alias/openbao", "region": "eu-central-1"}}
    assert "plugin" not in kms
    plugin = server.KmsPlugin(path=PurePosixPath("/plugins/kms-aws"), sha256="ab" * 32)
    kms = json.loads(server.configuration(3, replace(seal, plugin=plugin), OPENBAO))
    assert kms["plugin"] == {"kms": {"awskms": {"command": "kms-aws", "sha256sum": "ab" * 32}}}
    assert kms["plugin_directory"] == "/plugins"


def test_a_node_runs_the_server_with_who_tells_it_of_a_renewed_certificate() -> None:
    graph = openbao()
    pod = graph.one("StatefulSet").at("spec", "template", "spec")
    command = at(pod, "containers", 0, "command")
    assert command == [
        "/bin/sh", "/etc/openbao/serve.sh", "bao", "/etc/openbao/openbao.json", "/run/tls/tls.crt", "10",
    ]  # fmt: skip
    files = graph.one("ConfigMap").at("data")
    assert isinstance(files, dict)
    assert "kill -HUP" in files["serve.sh"]


def test_hashicorp_vault_s_nodes_are_its_own_and_the_names_of_objects_stay() -> None:
    graph = openbao(kind=VAULT)
    template = graph.one("StatefulSet").at("spec", "template")
    container = at(template, "spec", "containers", 0)
    assert at(container, "command", 2) == "vault"
    env = at(container, "env")
    assert isinstance(env, list)
    variables = ("RAFT_NODE_ID", "API_ADDR", "CLUSTER_ADDR", "K8S_POD_NAME", "K8S_NAMESPACE")
    assert {str(at(each, "name")) for each in env} == {"POD_NAME", *(f"VAULT_{name}" for name in variables)}
    assert at(container, "readinessProbe", "httpGet", "scheme") == "HTTPS"
    assert at(template, "metadata", "annotations", "prometheus.io/scheme") == "https"
    assert graph.one("Service", "openbao").at("spec", "selector") == {
        "app.kubernetes.io/name": "openbao",
        "vault-sealed": "false",
    }
    assert {each.name for each in graph.resources} == {each.name for each in openbao().resources}


def test_hashicorp_vault_s_file_says_what_it_asks_for_and_has_no_port_without_tls() -> None:
    found = json.loads(server.configuration(3, None, VAULT))
    assert "audit" not in found, "it takes none from its file"
    assert {each.path for each in VAULT.audits} == {"volume/", "output/"}
    assert found["disable_mlock"] is True
    assert found["enable_unauthenticated_access"] == ["generate-root"]
    api, metrics = (each["tcp"] for each in found["listener"])
    assert api["tls_min_version"] == metrics["tls_min_version"] == "tls13"
    assert not {"tls_disable", "disable_unauthed_generate_root_endpoints"} & {*api, *metrics}
    assert metrics["telemetry"] == {"unauthenticated_metrics_access": True}


def test_a_plugin_for_kms_is_refused_where_the_server_needs_none() -> None:
    plugin = server.KmsPlugin(path=PurePosixPath("/plugins/kms-aws"), sha256="ab" * 32)
    seal = server.KmsSeal(key_id="alias/openbao", region="eu-central-1", plugin=plugin)
    with pytest.raises(UserError, match="/plugins/kms-aws") as refused:
        server.configuration(3, seal, VAULT)
    assert (refused.value.where, refused.value.allowed) == (
        "secrets.kms.plugin",
        "none: HashiCorp Vault speaks to KMS by itself",
    )
    assert "awskms" in server.configuration(3, replace(seal, plugin=None), VAULT)


def test_a_tenant_without_secrets_has_nothing_of_them() -> None:
    assert not tenant().of("SecretStore")


def test_a_secret_comes_by_the_tenant_s_own_store_into_files_of_its_agent() -> None:
    graph = tenant(secrets={"openai": {"path": "openai"}, "database": {"database": "postgres"}})
    provider = at(graph.one("SecretStore").inputs, "spec", "provider", "vault")
    assert at(provider, "auth", "kubernetes", "role") == "tenant-acme"
    assert base64.b64decode(str(at(provider, "caBundle"))).decode() == AUTHORITY
    brought = {each.at("metadata", "name"): each for each in graph.of("ExternalSecret")}
    assert set(brought) == {"concierge-openai", "concierge-database"}
    assert brought["concierge-openai"].at("spec", "dataFrom") == [{"extract": {"key": "tenants/acme/openai"}}]
    assert graph.one("VaultDynamicSecret").at("spec", "path") == "/database/creds/tenant-acme"
    pod = graph.one("Deployment").at("spec", "template", "spec")
    mounts = at(pod, "containers", 0, "volumeMounts")
    assert isinstance(mounts, list)
    assert {"/run/secrets/agent/openai", "/run/secrets/agent/database"} <= {each["mountPath"] for each in mounts}
    assert violations(pod) == []


def test_a_variable_may_name_one_of_the_manifest_s_secrets() -> None:
    graph = tenant(
        secrets={"openai": {"path": "openai"}},
        env={"MODEL_TOKEN": {"secret": "openai", "key": "value"}, "OTHER_TOKEN": {"secret": "own", "key": "value"}},
    )
    env = graph.one("Deployment").at("spec", "template", "spec", "containers", 0, "env")
    assert isinstance(env, list)
    names = {each["name"]: at(each, "valueFrom", "secretKeyRef", "name") for each in env}
    assert (names["MODEL_TOKEN"], names["OTHER_TOKEN"]) == ("concierge-openai", "own")


def test_secrets_without_a_store_are_refused() -> None:
    with pytest.raises(UserError, match="no secret store"):
        tenant(authority=None, secrets={"openai": {"path": "openai"}})


@pytest.mark.parametrize(
    "secret",
    [{}, {"path": "a", "database": "postgres"}, {"path": "../b"}, {"path": "/a"}, {"path": "a", "refresh": "1s"},
     {"database": "postgres", "refresh": "1h"}],
)  # fmt: skip
def test_a_secret_that_says_nothing_or_too_much_is_refused(secret: dict[str, str]) -> None:
    with pytest.raises(ManifestError):
        manifest(secrets={"a": secret})


def test_shares_are_never_in_one_place_nor_written_over(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one place"):
        Shares(files=(tmp_path / "a", tmp_path / "a"), threshold=2)
    for threshold in (1, 4):
        with pytest.raises(UserError, match="threshold"):
            Shares.below(tmp_path, 3, threshold)
    shares = Shares.below(tmp_path, 3, 2)
    shares.write(["a", "b", "c"])
    with pytest.raises(UserError, match="there is a share already"):
        shares.write(["d", "e", "f"])
    shares.files[0].unlink()
    assert shares.enough() == ["b", "c"]
    shares.files[1].unlink()
    with pytest.raises(UserError, match="1 of the 2 shares") as refused:
        shares.enough()
    assert "\nc" not in str(refused.value)


@pytest.mark.parametrize(("every", "grace"), [("1h", "1h"), ("1h", "2h"), ("x", "1h"), ("1h", "0s")])
def test_a_schedule_whose_grace_does_not_fit_is_refused(every: str, grace: str) -> None:
    with pytest.raises(UserError):
        Rotation.of(every, grace)
