from __future__ import annotations

import base64
import datetime
import json
import tempfile
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.kubernetes_plugin.kubeconfig import Overrides, active_cluster, ambient, apply_overrides, connect, parse
from local.kubernetes_plugin.settings import Settings, check, compare
from local.plugin.errors import PluginError
from local.plugin.values import UNKNOWN, Object

URN = "urn:pulumi:s::p::pulumi:providers:kubernetes::kube"


def _kubeconfig(server: str = "https://one", context: str = "c") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [
            {"name": "k", "cluster": {"server": server, "certificate-authority": "ca.crt"}},
            {"name": "other", "cluster": {"server": "https://other"}},
        ],
        "contexts": [
            {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ns"}},
            {"name": "d", "context": {"cluster": "other", "user": "u"}},
        ],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


def _text(**changes: str) -> str:
    return yaml.safe_dump(_kubeconfig(**changes))


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", "false")
    monkeypatch.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
    assert not Settings.of({}).server_side_apply
    assert Settings.of({"enableServerSideApply": "true"}).server_side_apply
    assert Settings.of({}).patch_force
    assert not Settings.of({"enablePatchForce": "false"}).patch_force


def test_the_defaults_are_the_vendors() -> None:
    settings = Settings.of({})
    assert settings.server_side_apply
    assert not (
        settings.upsert or settings.config_map_mutable or settings.secret_mutable or settings.delete_unreachable
    )


def test_client_settings_are_read_or_refused() -> None:
    assert Settings.of({"kubeClientSettings": json.dumps({"timeout": 7})}).timeout == 7
    with pytest.raises(PluginError, match="kubeClientSettings"):
        Settings.of({"kubeClientSettings": "{"})


def test_arguments_that_exclude_each_other_are_refused() -> None:
    found = check(URN, {"renderYamlToDirectory": "out", "context": "c", "cluster": "k"})
    assert [key for key, _ in found] == ["cluster", "context"]
    assert check(URN, {"renderYamlToDirectory": "out"}) == []


def test_strict_mode_wants_to_know_the_cluster() -> None:
    assert [key for key, _ in check(URN, {"strictMode": "true"})] == ["kubeconfig", "context"]
    assert check(f"{URN[:-4]}default", {"strictMode": "true"})[0][1] == "strict mode prohibits default provider"


def test_another_cluster_replaces_the_provider_and_another_user_does_not() -> None:
    old: Object = {"kubeconfig": _text()}
    assert compare(old, {"kubeconfig": _text(server="https://two")}).replaces == ["kubeconfig"]
    assert compare(old, {**old, "context": "d"}).replaces == ["context"]
    rotated = _kubeconfig()
    rotated["users"][0]["user"]["token"] = "new"
    found = compare(old, {"kubeconfig": yaml.safe_dump(rotated)})
    assert (found.changed, found.replaces) == (["kubeconfig"], [])
    assert compare(old, old).changed == []


def test_an_identifier_decides_alone() -> None:
    old: Object = {"kubeconfig": _text(), "clusterIdentifier": "a"}
    moved = {"kubeconfig": _text(server="https://two"), "clusterIdentifier": "a"}
    assert compare(old, moved).replaces == []
    assert compare(old, {**old, "clusterIdentifier": "b"}).replaces == ["clusterIdentifier"]


def test_a_kubeconfig_that_is_not_known_yet_may_be_another_cluster() -> None:
    assert compare({"kubeconfig": _text()}, {"kubeconfig": UNKNOWN}).replaces == ["kubeconfig"]


def test_a_kubeconfig_is_a_path_or_its_text(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(_text())
    assert parse(_text()) == _kubeconfig()
    assert parse(str(file))["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.crt")
    with pytest.raises(PluginError, match="neither a file"):
        parse(str(tmp_path / "missing"))


def test_the_ambient_kubeconfig_is_all_files_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text(_text())
    second.write_text(_text(server="https://ignored", context="d"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:{tmp_path / 'missing'}")
    merged = ambient()
    assert merged is not None
    assert merged["current-context"] == "c"
    assert merged["clusters"][0]["cluster"]["server"] == "https://one"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    assert ambient() is None


def test_contexts_and_clusters_can_be_chosen() -> None:
    config = _kubeconfig()
    assert apply_overrides(config, Overrides(context="d"))["current-context"] == "d"
    moved = apply_overrides(config, Overrides(cluster="other"))
    assert active_cluster(moved, "", "") == {"server": "https://other"}
    for wrong in (Overrides(context="none"), Overrides(cluster="none")):
        with pytest.raises(PluginError, match="does not exist"):
            apply_overrides(config, wrong)


def test_keys_given_as_text_leave_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = _key_pair()
    config = _kubeconfig(server="https://127.0.0.1:1")
    del config["clusters"][0]["cluster"]["certificate-authority"]
    config["users"][0]["user"] = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    connection = connect(yaml.safe_dump(config), Overrides())
    assert (connection.settings.host, connection.namespace) == ("https://127.0.0.1:1", "ns")
    assert list(tmp_path.iterdir()) == []


def _key_pair() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return text, certificate.public_bytes(serialization.Encoding.PEM)
