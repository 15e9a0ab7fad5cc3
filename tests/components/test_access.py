"""The authorizer in a cluster: what it may do, who reaches it, what its pod holds."""

from __future__ import annotations

import pytest

from components.gateway.access import Access, AccessArgs
from groundwork.errors import UserError
from tests.components.pod_security import violations
from tests.components.recording import Graph, Registered, at, record
from tests.components.samples import DIGEST

OPA = DIGEST.replace("agent-runtime", "opa")


def made(*, checks_name: bool = True) -> Graph:
    args = AccessArgs(environment="local", image=DIGEST, opa_image=OPA, checks_name=checks_name)
    return record(lambda: Access("access", args))


def pod(graph: Graph) -> object:
    return graph.one("Deployment").at("spec", "template", "spec")


def container(graph: Graph, index: int) -> object:
    return at(pod(graph), "containers", index)


def test_the_pod_is_restricted_and_there_are_two() -> None:
    graph = made()
    assert violations(pod(graph)) == []
    assert graph.one("Deployment").at("spec", "replicas") == 2
    assert graph.one("PodDisruptionBudget").at("spec", "maxUnavailable") == 1


def test_it_reads_three_kinds_and_writes_only_counts() -> None:
    rules = made().one("ClusterRole").at("rules")
    group = ["groundwork.internal"]
    assert rules == [
        {"apiGroups": group, "resources": ["tenants", "domains", "apikeys"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": group, "resources": ["apikeys/status"], "verbs": ["patch"]},
    ]


def test_the_rights_are_the_authorizers_alone() -> None:
    subjects = made().one("ClusterRoleBinding").at("subjects")
    assert subjects == [{"kind": "ServiceAccount", "name": "authorizer", "namespace": "groundwork-gateway"}]


def test_the_token_is_short_lived_and_not_opas() -> None:
    graph = made()
    assert at(pod(graph), "automountServiceAccountToken") is False
    mounts = [[at(mount, "name") for mount in _list(at(container(graph, index), "volumeMounts"))] for index in (0, 1)]
    assert "token" in mounts[0]
    assert "token" not in mounts[1]
    (token,) = [each for each in _list(at(pod(graph), "volumes")) if at(each, "name") == "token"]
    assert at(token, "projected", "sources", 0, "serviceAccountToken", "expirationSeconds") == 3600


def test_opa_listens_on_nothing_but_the_socket_and_its_health() -> None:
    arguments = _list(at(container(made(), 1), "args"))
    addresses = [each for each in arguments if "addr=" in str(each)]
    assert addresses == ["--addr=unix:///run/opa/opa.sock", "--diagnostic-addr=0.0.0.0:8282"]


def test_only_the_gateway_reaches_it() -> None:
    graph = made()
    network = graph.one("NetworkPolicy")
    assert network.at("spec", "ingress") == [
        {"from": [{"podSelector": {"matchLabels": {"istio": "gateway"}}}], "ports": [{"protocol": "TCP", "port": 9000}]}
    ]
    door = graph.one("AuthorizationPolicy")
    assert door.at("spec", "rules") == [
        {
            "from": [{"source": {"principals": ["cluster.local/ns/groundwork-gateway/sa/gateway"]}}],
            "to": [{"operation": {"ports": ["9000"]}}],
        }
    ]
    assert door.at("spec", "selector", "matchLabels") == {"app.kubernetes.io/name": "authorizer"}


def test_it_reaches_tls_only_and_never_the_machines_own_credentials() -> None:
    (rule,) = _list(made().one("NetworkPolicy").at("spec", "egress"))
    assert at(rule, "to", 0, "ipBlock") == {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}
    assert [at(port, "port") for port in _list(at(rule, "ports"))] == [443, 6443]


def test_guards_stand_before_the_first_pod() -> None:
    graph = made()
    guards = {_only(graph, kind).urn for kind in ("NetworkPolicy", "AuthorizationPolicy", "ClusterRoleBinding")}
    assert guards <= graph.one("Deployment").depends_on


@pytest.mark.parametrize(("checks", "text"), [(True, "true"), (False, "false")])
def test_the_name_is_checked_unless_tls_ends_before(checks: bool, text: str) -> None:
    variables = _list(at(container(made(checks_name=checks), 0), "env"))
    assert {"name": "AUTHORIZER_CHECKS_NAME", "value": text} in variables


def test_images_are_by_digest() -> None:
    for image, opa in (("authorizer:1", OPA), (DIGEST, "opa")):
        with pytest.raises(UserError, match="not by digest"):
            AccessArgs(environment="local", image=image, opa_image=opa)


def _only(graph: Graph, kind: str) -> Registered:
    return graph.one(kind)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
