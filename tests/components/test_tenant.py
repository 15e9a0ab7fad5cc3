from __future__ import annotations

import pytest

from components.labels import Owner
from components.mesh.names import SIDECAR
from components.platform.specs import Suspended, TenantSpec
from components.tenancy.tenant import Candidate, Quota, Tenant, TenantAgent, TenantArgs, needed
from components.units import format_bytes, format_cpu
from groundwork.errors import UserError
from tests.components.recording import Graph, at, record
from tests.components.samples import DIGEST, manifest

OTHER = DIGEST.replace("aaaa", "bbbb")
SPEC = TenantSpec(hosts=["acme.groundwork.test"])
OWNER = Owner(environment="local", tenant="acme", cost_centre="hospitality")


def agent(name: str = "concierge", **spec: object) -> TenantAgent:
    return TenantAgent(manifest=manifest(name, **spec), image=DIGEST)


def made(*agents: TenantAgent, quota: Quota | None = None) -> Graph:
    return record(lambda: Tenant("acme", TenantArgs(owner=OWNER, spec=SPEC, agents=agents, quota=quota)))


def test_the_namespace_enforces_restricted() -> None:
    namespace = made().one("Namespace")
    assert namespace.at("metadata", "name") == "acme"
    for mode in ("enforce", "audit", "warn"):
        assert namespace.at("metadata", "labels", f"pod-security.kubernetes.io/{mode}") == "restricted"


def test_everything_is_denied_until_an_agent_asks() -> None:
    spec = made().one("NetworkPolicy").at("spec")
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_guards_stand_before_the_first_agent() -> None:
    graph = made(agent())
    kinds = (
        "ResourceQuota",
        "LimitRange",
        "NetworkPolicy",
        "AuthorizationPolicy",
        "groundwork.internal/v1alpha1:Tenant",
    )
    guards = {graph.one(kind, "acme").urn for kind in kinds}
    assert guards <= graph.one("Agent").depends_on


def test_agents_live_in_the_tenants_namespace() -> None:
    graph = made(agent("one"), agent("two"))
    assert {resource.name for resource in graph.of("Agent")} == {"acme-one", "acme-two"}
    assert {deployment.at("metadata", "namespace") for deployment in graph.of("Deployment")} == {"acme"}


def test_the_quota_has_room_for_a_rollout_of_every_agent_at_its_largest() -> None:
    resources = {"cpu": "100m", "memory": "64Mi", "limits": {"cpu": "500m"}}
    need = needed([agent("one", scaling={"min": 1, "max": 3}, resources=resources), agent("two", resources=resources)])
    cpu, memory = 500 + SIDECAR.cpu, 64 * 2**20 + SIDECAR.memory
    assert need == Quota(cpu=14 * cpu, memory=14 * memory, pods=14)
    hard = made(agent(scaling={"min": 1, "max": 1}, resources=resources)).one("ResourceQuota").at("spec", "hard")
    assert hard == {
        "limits.cpu": format_cpu(2 * cpu),
        "limits.memory": format_bytes(2 * memory),
        "pods": "2",
        "services.loadbalancers": "0",
        "persistentvolumeclaims": "0",
    }


def test_a_larger_quota_is_taken() -> None:
    quota = Quota(cpu=64_000, memory=2**40, pods=100)
    assert made(agent(), quota=quota).one("ResourceQuota").at("spec", "hard", "pods") == "100"


@pytest.mark.parametrize("short", [{"cpu": 1}, {"memory": 1}, {"pods": 1}])
def test_a_quota_that_the_agents_do_not_fit_in_is_refused(short: dict[str, int]) -> None:
    quota = Quota(**{"cpu": 10**6, "memory": 2**50, "pods": 10**4} | short)
    with pytest.raises(UserError, match="less than its agents need"):
        TenantArgs(owner=OWNER, spec=SPEC, agents=[agent()], quota=quota)


def test_two_agents_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="agent concierge stands twice"):
        TenantArgs(owner=OWNER, spec=SPEC, agents=[agent(), agent()])


def test_a_suspended_tenant_keeps_its_object_route_and_quota_and_has_no_pods() -> None:
    spec = SPEC.model_copy(update={"suspended": Suspended(reason="unpaid")})
    graph = record(lambda: Tenant("acme", TenantArgs(owner=OWNER, spec=spec, agents=[agent()])))
    whole = made(agent())
    assert graph.one("groundwork.internal/v1alpha1:Tenant").at("spec", "suspended", "reason") == "unpaid"
    assert graph.one("Deployment").at("spec", "replicas") == 0
    assert {each.type for each in whole.resources} - {each.type for each in graph.resources} == {
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
    }


def test_nothing_is_in_another_tenants_namespace_or_for_all() -> None:
    """What is outside the tenant's namespace is named after it, so that no two tenants' stacks share an object."""
    for resource in made(agent()).resources:
        if resource.type.startswith("kubernetes:") and resource.at("metadata", "namespace") != "acme":
            assert str(resource.at("metadata", "name")) in {"acme", "tenant-acme"}, resource.urn


def shifting(percent: int = 25, **spec: object) -> TenantAgent:
    newer = manifest("concierge", image="next", **spec)
    return TenantAgent(
        manifest=manifest("concierge"),
        image=DIGEST,
        candidate=Candidate(manifest=newer, image=OTHER, percent=percent),
    )


def images(graph: Graph) -> dict[str, object]:
    return {
        one.name: one.at("spec", "template", "spec", "containers", 0, "image") for one in graph.of("apps/v1:Deployment")
    }


def test_a_candidate_stands_beside_its_agent_and_neither_finds_the_others_pods() -> None:
    graph = made(shifting())
    assert images(graph) == {"acme-concierge": DIGEST, "acme-concierge-next": OTHER}
    # By name: which of the two is registered first is chance.
    deployments = sorted(graph.of("apps/v1:Deployment"), key=lambda one: one.name)
    selectors = [one.at("spec", "selector", "matchLabels") for one in deployments]
    pods = [one.at("spec", "template", "metadata", "labels") for one in deployments]
    for selector, labels in zip(selectors, reversed(pods), strict=True):
        assert isinstance(selector, dict)
        assert isinstance(labels, dict)
        assert not selector.items() <= labels.items()
    services = {one.at("metadata", "name"): one.at("spec", "selector") for one in graph.of("core/v1:Service")}
    assert services == {"concierge": selectors[0], "concierge-next": selectors[1]}


def test_a_candidate_scales_as_its_agent_does() -> None:
    graph = made(shifting(scaling={"min": 1, "max": 5}))
    spec = graph.one("HorizontalPodAutoscaler", "acme-concierge-next").at("spec")
    assert at(spec, "scaleTargetRef", "name") == "concierge-next"
    assert (at(spec, "minReplicas"), at(spec, "maxReplicas")) == (1, 5)


@pytest.mark.parametrize("percent", [0, 25, 100])
def test_requests_from_outside_are_shared_out(percent: int) -> None:
    routes = made(shifting(percent)).one("VirtualService", "acme-gateway").at("spec", "http", 0, "route")
    assert routes == [
        {"destination": {"host": "concierge.acme.svc.cluster.local"}, "weight": 100 - percent},
        {"destination": {"host": "concierge-next.acme.svc.cluster.local"}, "weight": percent},
    ]


def test_the_quota_has_room_for_candidates() -> None:
    assert needed([shifting(scaling={"min": 1, "max": 5})]).pods == 2 * 4 + 5


def test_an_agent_with_a_candidates_name_is_refused() -> None:
    with pytest.raises(UserError, match="concierge-next stands twice"):
        made(shifting(), agent("concierge-next"))
