"""The mesh's parts as they are registered: closed by default, opened by name, bounded by tier."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.labels import ZONE, Owner
from components.mesh import (
    GATEWAY,
    SIDECAR,
    SIZED,
    Charts,
    ControlPlane,
    Door,
    Mesh,
    MeshArgs,
    Source,
    TenantMesh,
    TenantMeshArgs,
    allow,
)
from components.mesh.charts import Istiod, base_values, istiod_values, size_own_volumes
from components.mesh.egress import entries, window
from components.mesh.traffic import DEFAULTS, RETRIES, UNREACHED, destination, route, timeout, unreached_filter
from components.units import HostPort
from groundwork.errors import UserError
from tests.components.recording import Graph, Value, at, record
from tests.components.samples import DIGEST, FULL, manifest

OWNER = Owner(environment="local", tenant="acme", cost_centre="guests")
ISTIOD, PROXY = DIGEST.replace("agent-runtime", "istiod"), DIGEST.replace("agent-runtime", "proxy")
LOCAL = Charts(source="/charts")
COLLECTOR = "groundwork-observability/collector.groundwork-observability.svc.cluster.local"
ISTIO_KINDS = ("PeerAuthentication", "AuthorizationPolicy", "Sidecar")


def arguments(
    *, istiod: str = ISTIOD, proxy: str = PROXY, node_plugin: bool = True, simulated: bool = False
) -> MeshArgs:
    return MeshArgs(
        environment="local", charts=LOCAL, istiod=istiod, proxy=proxy, node_plugin=node_plugin, simulated=simulated
    )


def mesh(args: MeshArgs | None = None) -> Graph:
    return record(lambda: Mesh("mesh", args or arguments()))


def tenant(*egress: HostPort) -> Graph:
    return record(lambda: TenantMesh("acme", TenantMeshArgs(owner=OWNER, namespace="acme", egress=egress)))


ASKED = Istiod(
    image=ISTIOD,
    proxy=PROXY,
    plane=ControlPlane(leaf_ttl=timedelta(hours=1)),
    authorizer=HostPort(host="authorizer.example", port=9000),
    mode="sidecar",
    simulated=False,
)


def values(mode: Literal["sidecar", "ambient"] = "sidecar", *, simulated: bool = False) -> dict[str, object]:
    return dict(istiod_values(replace(ASKED, mode=mode, simulated=simulated)))


def test_the_whole_mesh_is_strict_and_refuses_what_no_policy_allows() -> None:
    graph = mesh()
    found = {kind: graph.one(kind) for kind in ISTIO_KINDS}
    assert {one.at("metadata", "namespace") for one in found.values()} == {"istio-system"}
    assert found["PeerAuthentication"].at("spec") == {"mtls": {"mode": "STRICT"}}
    assert found["AuthorizationPolicy"].at("spec") in ({}, None)
    assert at(values(), "meshConfig", "outboundTrafficPolicy", "mode") == "REGISTRY_ONLY"


def test_several_of_istiod_are_spread_and_one_is_put_where_there_is_room() -> None:
    several = istiod_values(replace(ASKED, plane=ControlPlane(replicas=2)))
    constraints = at(several, "topologySpreadConstraints")
    assert isinstance(constraints, list)
    assert [each["topologyKey"] for each in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {at(each, "labelSelector", "matchLabels", "app") for each in constraints} == {"istiod"}
    assert at(several, "pdb", "maxUnavailable") == 1
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    assert at(several, "affinity", "podAntiAffinity", preferred, 0, "podAffinityTerm", "topologyKey") == ZONE
    assert {"topologySpreadConstraints", "affinity"}.isdisjoint(istiod_values(ASKED))


def test_istiods_namespace_is_restricted_where_the_nodes_have_the_plugin() -> None:
    level = "pod-security.kubernetes.io/enforce"
    assert mesh().one("NamespacePatch").at("metadata", "labels", level) == "restricted"
    assert mesh(arguments(node_plugin=False)).one("NamespacePatch").at("metadata", "labels", level) == "privileged"


def test_what_needs_the_mesh_waits_behind_the_barrier() -> None:
    graph = mesh()
    proof = graph.one("Job")
    webhooks = {graph.one(f"{kind}WebhookConfigurationPatch").urn for kind in ("Mutating", "Validating")}
    assert webhooks <= proof.depends_on
    assert proof.at("spec", "template", "metadata", "labels", "sidecar.istio.io/inject") == "true"
    for kind in ISTIO_KINDS:
        assert proof.urn in graph.one(kind).depends_on


def test_where_no_pod_runs_there_is_neither_webhook_nor_barrier() -> None:
    graph = mesh(arguments(simulated=True))
    assert graph.of("Job") == []
    assert graph.of("MutatingWebhookConfigurationPatch") == []
    assert at(values(simulated=True), "global", "configValidation") is False
    assert base_values(simulated=True)["defaultRevision"] == ""
    assert len([graph.one(kind) for kind in ISTIO_KINDS]) == 3


@pytest.mark.parametrize(("istiod", "proxy"), [("a:latest", PROXY), (ISTIOD, "a:latest")])
def test_an_image_that_is_not_by_digest_is_refused(istiod: str, proxy: str) -> None:
    with pytest.raises(UserError, match="digest"):
        arguments(istiod=istiod, proxy=proxy)


def test_charts_come_from_a_folder_or_a_repository() -> None:
    assert LOCAL.chart("istiod") == "/charts/istiod"
    remote = Charts(source="https://charts.example.com", version="1.0.0")
    assert (remote.chart("istiod"), remote.remote) == ("istiod", True)


def test_the_values_are_for_stock_envoy_and_short_lives() -> None:
    given_ = values()
    assert at(given_, "telemetry", "enabled") is False
    assert at(given_, "env", "PILOT_ENABLE_METADATA_EXCHANGE") == "false"
    assert at(given_, "env", "DEFAULT_WORKLOAD_CERT_TTL") == "3600s"
    assert at(given_, "cni", "enabled") is True
    assert at(given_, "volumes", 0, "secret") == {"secretName": "cacerts", "optional": False}
    assert at(values("ambient"), "profile") == "ambient"
    provider = at(given_, "meshConfig", "extensionProviders", 0)
    assert at(provider, "name") == "groundwork-authorizer"
    assert at(provider, "envoyExtAuthzGrpc", "failOpen") is False


def test_a_tenant_lets_in_its_own_pods_and_the_gateway_alone() -> None:
    rules = tenant().one("AuthorizationPolicy").at("spec", "rules")
    own, scrape = rules if isinstance(rules, list) else (None, None)
    assert at(own, "from") == [
        {"source": {"namespaces": ["acme"]}},
        {"source": {"principals": ["cluster.local/ns/groundwork-gateway/sa/gateway"]}},
    ]
    assert at(own, "to") is None
    assert at(scrape, "to") == [{"operation": {"ports": ["9090"]}}]


def test_a_tenants_pods_see_their_own_namespace_only() -> None:
    hosts = tenant().one("Sidecar").at("spec", "egress", 0, "hosts")
    assert hosts == ["./*.acme.svc.cluster.local", COLLECTOR, "istio-system/*"]


def test_an_agent_sees_what_it_declares_and_no_more() -> None:
    declared = [HostPort(host="models.example.com", port=443), HostPort(host="store.globex.svc", port=80)]
    assert at(window("acme", declared), "egress", 0, "hosts") == [
        "./*.acme.svc.cluster.local",
        "./models.example.com",
        "globex/store.globex.svc.cluster.local",
        COLLECTOR,
        "istio-system/*",
    ]


def test_each_outside_host_is_one_entry_with_all_its_ports() -> None:
    declared = [
        HostPort(host="models.example.com", port=443),
        HostPort(host="models.example.com", port=8443),
        HostPort(host="models.example.com", port=443),
        HostPort(host="store.globex.svc", port=80),
    ]
    graph = tenant(*declared)
    entry = graph.one("ServiceEntry")
    assert entry.at("spec", "hosts") == ["models.example.com"]
    assert entry.at("spec", "exportTo") == ["."]
    assert entry.at("spec", "ports") == [
        {"number": 443, "name": "tls-443", "protocol": "TLS"},
        {"number": 8443, "name": "tcp-8443", "protocol": "TCP"},
    ]


def test_an_address_is_matched_by_itself() -> None:
    entry = entries([HostPort(host="192.0.2.7", port=80)])["192.0.2.7"]
    assert entry["addresses"] == ["192.0.2.7"]
    assert entry["hosts"] == ["192-0-2-7.address.internal"]
    assert entry["resolution"] == "STATIC"


HOSTS = st.sampled_from(["a.example.com", "b.example.com", "192.0.2.1", "api.other.svc", "x.y.svc.cluster.local"])


@given(st.lists(st.builds(HostPort, host=HOSTS, port=st.integers(1, 65535)), max_size=12))
def test_what_is_seen_outside_is_what_has_an_entry(declared: list[HostPort]) -> None:
    """A Sidecar that names a host with no entry would be refused traffic; an entry that none names is no use."""
    seen = at(window("acme", declared), "egress", 0, "hosts")
    assert isinstance(seen, list)
    outside = {str(host)[2:] for host in seen if str(host).startswith("./") and "svc.cluster.local" not in str(host)}
    listed = {str(at(entry, "hosts", 0)) for entry in entries(declared).values()}
    assert outside == listed
    assert {(h, p) for h, e in entries(declared).items() for p in _numbers(e)} == {
        (one.host, one.port) for one in declared if ".svc" not in one.host
    }


def _numbers(entry: Mapping[str, JsonValue]) -> list[Value]:
    ports = entry["ports"]
    return [at(port, "number") for port in ports] if isinstance(ports, list) else []


def test_a_door_names_callers_and_ports() -> None:
    doors = [Door(), Door(sources=[Source(namespace="a")], ports=[80])]
    graph = record(lambda: allow("x", ObjectMetaArgs(name="x", namespace="y"), doors, selector={"app": "x"}))
    spec = graph.one("AuthorizationPolicy").at("spec")
    assert at(spec, "rules", 0) in ({}, None)
    assert at(spec, "rules", 1, "to") == [{"operation": {"ports": ["80"]}}]
    assert at(spec, "selector", "matchLabels") == {"app": "x"}
    assert GATEWAY.rule() == {"source": {"principals": ["cluster.local/ns/groundwork-gateway/sa/gateway"]}}


@pytest.mark.parametrize(("tier", "waits"), [("standard", 11), ("heavy", 15)])
def test_a_timeout_is_the_models_time_and_what_the_tier_promises(tier: str, waits: int) -> None:
    assert timeout(manifest(tier=tier)) == timedelta(seconds=waits)


def test_a_timeout_counts_the_slowest_tool() -> None:
    full = manifest(**yaml.safe_load(FULL)["spec"])
    assert timeout(full) == timedelta(seconds=21)
    assert at(route(full, "acme", "concierge"), "http", 0, "timeout") == "21s"


def test_only_what_no_pod_began_is_sent_again() -> None:
    assert at(route(manifest(), "acme", "concierge"), "http", 0, "retries", "retryOn") == RETRIES["retryOn"]
    assert "5xx" not in str(RETRIES["retryOn"])


def test_what_did_not_get_to_a_program_is_sent_to_another_pod() -> None:
    called = at(route(manifest(), "acme", "concierge"), "http", 0)
    assert "retriable-headers" in str(RETRIES["retryOn"]).split(",")
    assert at(called, "retries", "retryIgnorePreviousHosts") is True, "also where an address chooses the pod"
    assert at(called, "headers", "request", "set") == {"x-envoy-retriable-header-names": UNREACHED}
    assert at(called, "headers", "response", "remove") == [UNREACHED]
    text = json.dumps(unreached_filter())
    assert f'"key": "{UNREACHED}"' in text
    assert '"flags": ["UF"]' in text, "what failed on its way to the program, and nothing that it said"
    assert '"context": "SIDECAR_INBOUND"' in text


@pytest.mark.parametrize("tier", list(DEFAULTS))
def test_every_tier_has_all_its_bounds(tier: str) -> None:
    policy = destination(manifest(tier=tier), "acme", "concierge")["trafficPolicy"]
    bounds = ("connectionPool", "outlierDetection", "retryBudget", "loadBalancer")
    assert all(at(policy, bound) for bound in bounds)
    assert at(policy, "retryBudget", "minRetryConcurrency") == manifest().spec.limits.concurrency, "all that a pod took"
    assert at(policy, "loadBalancer", "localityLbSetting", "enabled") is True
    assert SIDECAR.cpu > 0


def test_a_conversation_stays_with_its_replica_until_replicas_share_sessions() -> None:
    shared = manifest(memory={"sessions": {"store": "redis"}})
    assert (
        at(
            destination(manifest(), "acme", "concierge"),
            "trafficPolicy",
            "loadBalancer",
            "consistentHash",
            "useSourceIp",
        )
        is True
    )
    assert at(destination(shared, "acme", "concierge"), "trafficPolicy", "loadBalancer", "simple") == "LEAST_REQUEST"


def test_every_volume_that_the_injector_brings_has_a_size() -> None:
    """Of the charts' own templates, the names stand in files/injection-template.yaml and gateway-injection-template."""
    given_ = values()
    assert at(given_, "sidecarInjectorWebhook", "defaultTemplates") == ["sidecar", SIZED]
    sized = json.loads(str(at(given_, "sidecarInjectorWebhook", "templates", SIZED)))["spec"]["volumes"]
    assert all(volume["emptyDir"]["sizeLimit"] for volume in sized)
    assert len({volume["name"] for volume in sized}) == len(sized) == 5


def test_istiods_own_volume_has_a_size_and_all_else_of_its_chart_is_left_alone() -> None:
    own = {"name": "local-certs", "emptyDir": {"medium": "Memory"}}
    props = {"spec": {"template": {"spec": {"volumes": [own, {"name": "token", "projected": {}}]}}}}

    def asked(type_: str) -> pulumi.ResourceTransformResult | None:
        opts = pulumi.ResourceOptions()
        return size_own_volumes(
            pulumi.ResourceTransformArgs(custom=True, type_=type_, name="istiod", props=props, opts=opts)
        )

    assert asked("kubernetes:core/v1:Service") is None
    found = asked("kubernetes:apps/v1:Deployment")
    assert found is not None
    volumes = found.props["spec"]["template"]["spec"]["volumes"]  # type: ignore[index] # what was given, changed
    assert volumes[0]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
    assert volumes[1] == {"name": "token", "projected": {}}
    assert own["emptyDir"] == {"medium": "Memory"}
