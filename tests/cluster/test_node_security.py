"""What the node refuses, and what it writes down."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from uuid import uuid4

import pytest

from local import images
from tests.cluster.node import PKI, SETTINGS, bring_up, kubectl, kubectl_with, tools
from tests.cluster.probes import await_account
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.cluster

PLAIN = "a value that must never be read in the clear"


@pytest.fixture(autouse=True, scope="module")
def node() -> None:
    bring_up()


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"node-test-{uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    try:
        await_account(name)  # or a pod is refused for that, and for nothing else
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def anonymous(address: str, port: int, path: str) -> int:
    context = ssl.create_default_context(cafile=str(PKI / "cluster/ca.crt"))
    connection = http.client.HTTPSConnection(address, port, context=context, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "/healthz", "/metrics", "/version"])
def test_the_api_server_answers_nobody_without_a_name(path: str) -> None:
    assert anonymous(SETTINGS.address, SETTINGS.ports.api, path) == 401


@pytest.mark.parametrize("path", ["/pods", "/metrics", "/configz"])
def test_kubelet_answers_nobody_without_a_name(path: str) -> None:
    assert anonymous(SETTINGS.address, SETTINGS.ports.kubelet, path) == 401


def test_etcd_speaks_only_with_clients_of_its_authority() -> None:
    context = ssl.create_default_context(cafile=str(PKI / "etcd/ca.crt"))
    context.load_cert_chain(PKI / "cluster/administrator.crt", PKI / "cluster/administrator.key")
    connection = http.client.HTTPSConnection("127.0.0.1", SETTINGS.ports.etcd, context=context, timeout=10)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        connection.request("GET", "/health")
        connection.getresponse()


def test_old_tls_is_refused() -> None:
    context = ssl.create_default_context(cafile=str(PKI / "cluster/ca.crt"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = http.client.HTTPSConnection(SETTINGS.address, SETTINGS.ports.api, context=context, timeout=10)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection.connect()


def etcd_value(key: str) -> bytes:
    """A raw value out of etcd's storage, through its JSON gateway."""
    context = ssl.create_default_context(cafile=str(PKI / "etcd/ca.crt"))
    context.load_cert_chain(PKI / "etcd/apiserver.crt", PKI / "etcd/apiserver.key")
    connection = http.client.HTTPSConnection("127.0.0.1", SETTINGS.ports.etcd, context=context, timeout=10)
    connection.request("POST", "/v3/kv/range", json.dumps({"key": base64.b64encode(key.encode()).decode()}))
    found = json.loads(connection.getresponse().read())["kvs"]
    return base64.b64decode(found[0]["value"])


def test_1_2_28_secrets_are_encrypted_in_etcd_and_config_maps_show_the_test_can_tell(namespace: str) -> None:
    kubectl("-n", namespace, "create", "secret", "generic", "hidden", f"--from-literal=value={PLAIN}")
    kubectl("-n", namespace, "create", "configmap", "shown", f"--from-literal=value={PLAIN}")
    secret = etcd_value(f"/registry/secrets/{namespace}/hidden")
    assert secret.startswith(b"k8s:enc:secretbox:v1:key1:")
    assert PLAIN.encode() not in secret
    assert PLAIN.encode() in etcd_value(f"/registry/configmaps/{namespace}/shown")


def test_the_audit_log_names_who_did_what_and_no_secret(namespace: str) -> None:
    kubectl("-n", namespace, "create", "secret", "generic", "audited", "--from-literal=value=unspeakable")
    lines = (SETTINGS.logs / "audit/audit.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if f'"{namespace}"' in line]
    made = [event for event in events if event["verb"] == "create" and event["objectRef"].get("resource") == "secrets"]
    assert {event["user"]["username"] for event in made} == {"administrator"}
    assert not any("unspeakable" in line or base64.b64encode(b"unspeakable").decode() in line for line in lines)


def pod(namespace: str, **spec: object) -> str:
    image = images.build(["pause"], tools(), Quiet())["pause"]
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}
    container = {"name": "main", "image": image, "imagePullPolicy": "Never", "resources": resources, **spec}
    metadata = {"name": f"pod-{uuid4().hex[:6]}", "namespace": namespace}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})


def test_pod_security_refuses_a_privileged_pod_by_default(namespace: str) -> None:
    done = kubectl("create", "-f", "-", stdin=pod(namespace, securityContext={"privileged": True}), check=False)
    assert done.returncode != 0
    assert 'violates PodSecurity "baseline:latest": privileged' in done.stderr


def test_pod_security_warns_of_what_restricted_would_refuse(namespace: str) -> None:
    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=pod(namespace))
    assert 'would violate PodSecurity "restricted:latest"' in done.stderr


def test_external_addresses_of_services_are_refused(namespace: str) -> None:
    spec = {"ports": [{"port": 80}], "externalIPs": ["192.0.2.7"]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": namespace}, "spec": spec}
    done = kubectl("create", "-f", "-", stdin=json.dumps(service), check=False)
    assert done.returncode != 0
    assert "externalIPs" in done.stderr


def test_the_node_may_change_itself_and_no_other() -> None:
    kubelet = SETTINGS.config / "kubelet.kubeconfig"
    other = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "another"}}
    done = kubectl_with(kubelet, "create", "-f", "-", stdin=json.dumps(other), check=False)
    assert done.returncode != 0
    assert "forbidden" in done.stderr.lower()
    label = kubectl_with(
        kubelet, "label", "node", SETTINGS.name, "node-restriction.kubernetes.io/x=1", "--dry-run=server", check=False
    )
    assert label.returncode != 0
    assert "not allowed to modify labels" in label.stderr


def test_the_node_reads_no_secret_that_no_pod_of_its_own_uses() -> None:
    done = kubectl_with(SETTINGS.config / "kubelet.kubeconfig", "get", "secrets", "-A", check=False)
    assert done.returncode != 0
    assert "forbidden" in done.stderr.lower()


def test_components_may_do_no_more_than_their_part() -> None:
    for component in ("coredns", "kube-proxy", "kube-scheduler", "metrics-server"):
        kubeconfig = SETTINGS.config / f"{component}.kubeconfig"
        assert kubectl_with(kubeconfig, "auth", "can-i", "create", "deployments", check=False).stdout.strip() == "no"
        assert kubectl_with(kubeconfig, "auth", "can-i", "get", "secrets", "-A", check=False).stdout.strip() == "no"


@pytest.mark.parametrize(
    ("verb", "resource", "may"),
    [
        ("watch", "networkpolicies.networking.k8s.io", "yes"),
        ("patch", "services --subresource=status", "yes"),
        ("create", "events", "yes"),
        ("patch", "services", "no"),
        ("delete", "networkpolicies.networking.k8s.io", "no"),
        ("create", "pods", "no"),
        ("list", "secrets", "no"),
        ("list", "configmaps", "no"),
    ],
)
def test_the_node_agent_reads_what_it_enforces_and_writes_a_status(verb: str, resource: str, may: str) -> None:
    asked = kubectl("auth", "can-i", verb, *resource.split(), "-A", "--as=groundwork:node-agent", check=False)
    assert asked.stdout.strip() == may


def test_the_administrator_is_not_in_the_group_that_cannot_be_refused() -> None:
    who = json.loads(kubectl("auth", "whoami", "-o", "json").stdout)["status"]["userInfo"]
    assert "groundwork:administrators" in who["groups"]
    assert "system:masters" not in who["groups"]
