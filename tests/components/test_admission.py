"""Admission as a program declares it: closed where nobody answers, asked about what rules are about, and no more."""

from __future__ import annotations

import pytest

from components.admission.gatekeeper import NAMESPACE, Gatekeeper, GatekeeperArgs, Manifest, asked_about
from groundwork.errors import UserError
from policies.admission import own, templates
from policies.workloads import WORKLOADS
from tests.components.recording import Graph, Value, at, record
from tests.components.samples import DIGEST


def rules() -> list[tuple[Manifest, Manifest]]:
    made = [*templates.manifests(), *own.manifests([DIGEST])]
    return list(zip(made[::2], made[1::2], strict=True))


def arguments(**changes: object) -> GatekeeperArgs:
    given: dict[str, object] = {
        "environment": "local",
        "chart": "charts/gatekeeper",
        "image": DIGEST,
        "rules": rules(),
        "exempt": templates.EXEMPT,
        "beside": templates.BESIDE_KINDS,
        "replicas": 1,
    }
    return GatekeeperArgs(**(given | changes))  # type: ignore[arg-type] # one is wrong on purpose


def declared(**changes: object) -> Graph:
    return record(lambda: Gatekeeper("gatekeeper", arguments(**changes)))


def values(**changes: object) -> Value:
    return declared(**changes).one("Chart").at("values")


def test_the_webhook_fails_closed_and_spares_only_named_namespaces() -> None:
    given = values()
    assert at(given, "validatingWebhookFailurePolicy") == "Fail"
    assert at(given, "validatingWebhookCheckIgnoreFailurePolicy") == "Fail"
    assert at(given, "validatingWebhookExemptNamespacesLabels") == {"kubernetes.io/metadata.name": ["kube-system"]}
    assert at(given, "replicas") == 1
    # Without the audit nobody else makes the constraints' kinds.
    assert at(given, "disableAudit") is True
    assert at(given, "controllerManager", "disableGenerateOperation") is False
    assert at(given, "controllerManager", "resources", "requests", "cpu") == "100m"
    assert at(given, "pdb", "controllerManager", "minAvailable") == 0


def test_the_image_is_by_digest_as_the_chart_joins_it() -> None:
    given = values()
    assert f"{at(given, 'image', 'repository')}:{at(given, 'image', 'release')}" == DIGEST


def test_it_is_asked_about_every_way_to_a_pod_and_about_nothing_that_a_node_lives_by() -> None:
    asked = list(asked_about(rules()))
    made = {resource for rule in asked if rule["operations"] == ["CREATE", "UPDATE"] for resource in rule["resources"]}  # type: ignore[attr-defined] # a list
    assert {"pods", "pods/ephemeralcontainers", "services", "virtualservices", "namespaces"} <= made
    assert len(WORKLOADS) == len([each for each in made if each in {f"{kind.lower()}s" for kind in WORKLOADS}])
    assert not {"leases", "nodes", "events", "endpoints", "secrets"} & made
    assert [rule["apiGroups"] for rule in asked if rule["resources"] == ["*"]] == [
        ["templates.gatekeeper.sh", "constraints.gatekeeper.sh", "config.gatekeeper.sh"]
    ]
    (connected,) = [rule["resources"] for rule in asked if rule["operations"] == ["CONNECT"]]
    assert connected == ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"]


def test_a_kind_that_the_webhook_cannot_ask_about_is_refused() -> None:
    template, constraint = rules()[0]
    odd = {**constraint, "spec": {"match": {"kinds": [{"kinds": ["Lease"]}]}}}
    with pytest.raises(UserError, match="Lease"):
        list(asked_about([(template, odd)]))


def test_a_constraint_comes_after_its_template_and_that_after_what_it_looks_up() -> None:
    graph = declared()
    made = {each.name: each for each in graph.resources}
    assert made["gatekeeper-config"].at("spec", "sync", "syncOnly") == [
        {"group": "networking.istio.io", "version": "v1", "kind": "VirtualService"}
    ]
    for rule in (*templates.held(), *own.OWN):
        template = made[f"template-{templates.kind_of(rule).lower()}"]
        constraint = made[f"constraint-{rule.id}"]
        assert template.urn in constraint.depends_on
        assert made["gatekeeper-config"].urn in template.depends_on
        assert constraint.at("spec", "enforcementAction") in {"deny", "warn"}


def test_where_no_container_runs_nothing_waits_for_an_answer() -> None:
    graph = declared(answers=False)
    assert graph.one("Chart").at("values", "disableValidatingWebhook") is True
    assert [each.name for each in graph.resources if each.name.startswith(("template-", "constraint-"))] == []
    assert values() != graph.one("Chart").at("values")


@pytest.mark.parametrize("changes", [{"replicas": 0}, {"exempt": ("kube-system",)}, {"image": "gatekeeper:v3"}])
def test_what_would_close_the_cluster_for_good_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises((UserError, ValueError)):
        arguments(**changes)


def test_its_namespace_is_restricted_and_exempt() -> None:
    namespace = declared().one("Namespace")
    assert namespace.at("metadata", "name") == NAMESPACE
    assert NAMESPACE in templates.EXEMPT
    assert namespace.at("metadata", "labels", "pod-security.kubernetes.io/enforce") == "restricted"
