"""The gateway as a program declares it: what is closed, what is stripped, what a tenant's route adds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.gateway import edge
from components.gateway.edge import Limits
from components.gateway.filters import HTTP, HTTPS, WORKLOAD, gateway_filter, tenant_filter
from components.gateway.gateway import Gateway, GatewayArgs
from components.gateway.route import TenantRoute, TenantRouteArgs
from components.labels import Owner
from components.mesh import Charts
from groundwork.errors import UserError
from tests.components.pod_security import violations
from tests.components.recording import Graph, Value, at, record
from tests.components.samples import DIGEST, manifest

OWN = "groundwork-gateway/domains-acme"
OWNER = Owner(environment="local", tenant="acme", cost_centre="hospitality")


ARGS = GatewayArgs(
    environment="local",
    domain="groundwork.test",
    charts=Charts(source="/charts"),
    ratelimit_image=DIGEST,
    redis_image=DIGEST,
)
ROUTE = TenantRouteArgs(
    owner=OWNER,
    namespace="acme",
    hosts=["acme.groundwork.test"],
    agents=[manifest("concierge")],
    requests_per_second=20,
)


def made(args: GatewayArgs = ARGS) -> Graph:
    return record(lambda: Gateway("gateway", args))


def routed(args: TenantRouteArgs = ROUTE) -> Graph:
    return record(lambda: TenantRoute("acme", args))


def patches(spec: Value, kind: str) -> list[Value]:
    listed = at(spec, "configPatches")
    assert isinstance(listed, list)
    return [patch for patch in listed if at(patch, "applyTo") == kind]


def manager() -> Value:
    return at(edge.connection_manager(Limits()), "typed_config")


def test_the_namespace_enforces_restricted_and_is_in_the_mesh() -> None:
    labels = made().one("Namespace").at("metadata", "labels")
    assert at(labels, "pod-security.kubernetes.io/enforce") == "restricted"
    assert at(labels, "istio-injection") == "enabled"


@pytest.mark.parametrize("name", ["ratelimit", "redis"])
def test_the_servers_fit_the_restricted_profile(name: str) -> None:
    pod = made().one("Deployment", name).at("spec", "template", "spec")
    assert violations(pod) == []
    assert at(pod, "containers", 0, "securityContext", "readOnlyRootFilesystem") is True


def test_only_the_gateway_calls_the_count_and_only_the_count_calls_redis() -> None:
    policies = {one.name: one for one in made().of("AuthorizationPolicy")}
    callers = {
        name: policies[name].at("spec", "rules", 0, "from", 0, "source", "principals")
        for name in ("ratelimit-callers", "redis-callers")
    }
    assert callers == {
        "ratelimit-callers": ["cluster.local/ns/groundwork-gateway/sa/gateway"],
        "redis-callers": ["cluster.local/ns/groundwork-gateway/sa/ratelimit"],
    }
    redis = made().one("NetworkPolicy", "redis")
    assert redis.at("spec", "ingress", 0, "from", 0, "podSelector", "matchLabels") == {
        "app.kubernetes.io/name": "ratelimit"
    }
    assert redis.at("spec", "egress") == []


def test_there_is_one_redis_at_a_time() -> None:
    redis = made().one("Deployment", "redis")
    assert (redis.at("spec", "replicas"), redis.at("spec", "strategy", "type")) == (1, "Recreate")


def test_tls_is_new_enough_and_tenants_cannot_bind_to_the_plain_port() -> None:
    secure = made().one("Gateway", "public-gateway").at("spec", "servers", 0)
    assert at(secure, "tls", "minProtocolVersion") == "TLSV1_2"
    assert at(secure, "hosts") == ["*/*.groundwork.test"]
    plain = made().one("Gateway", "plain-gateway").at("spec", "servers", 0)
    assert (at(plain, "port", "number"), at(plain, "hosts")) == (80, ["./*"])


def test_behind_a_load_balancer_no_name_is_asked_for_when_tls_begins() -> None:
    """AWS's sends none (SNI) to what is behind it: a server for some names would never be found."""
    secure = made(replace(ARGS, behind_balancer=True)).one("Gateway", "public-gateway").at("spec", "servers", 0)
    assert at(secure, "hosts") == ["*/*"]


def test_the_plain_port_proves_domains_and_sends_all_else_to_https() -> None:
    routes = made().one("VirtualService").at("spec", "http")
    assert at(routes, 0, "match", 0, "uri", "prefix") == "/.well-known/acme-challenge/"
    assert at(routes, 1) == {"name": "redirect", "redirect": {"scheme": "https", "redirectCode": 301}}


def test_the_pods_come_after_what_they_are_to_do() -> None:
    graph = made()
    chart = graph.one("Chart")
    needed = {one.urn for kind in ("EnvoyFilter", "VirtualService", "AuthorizationPolicy") for one in graph.of(kind)}
    counted = {one.urn for one in graph.of("AuthorizationPolicy") if one.name.endswith("-callers")}
    assert needed - counted <= chart.depends_on


def test_the_pods_right_to_their_certificates_is_there_before_them() -> None:
    graph = made()
    chart, binding = graph.one("Chart"), graph.one("RoleBinding")
    assert binding.urn in chart.depends_on
    assert chart.at("values", "rbac", "enabled") is False
    assert graph.one("Role").at("rules") == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    assert binding.at("subjects", 0, "name") == chart.at("values", "name")


def test_a_simulated_gateway_waits_for_no_address() -> None:
    skipped = {"pulumi.com/skipAwait": "true"}
    assert made(replace(ARGS, simulated=True)).one("Chart").at("values", "service", "annotations") == skipped
    assert made().one("Chart").at("values", "service", "annotations") == {}


@pytest.mark.parametrize(("replicas", "most"), [(1, 1), (1, 3), (3, 2)])
def test_less_than_two_replicas_are_refused(replicas: int, most: int) -> None:
    with pytest.raises(UserError, match="replicas"):
        replace(ARGS, replicas=replicas, max_replicas=most)


def test_an_image_by_tag_is_refused() -> None:
    with pytest.raises(UserError, match="not by digest"):
        made(replace(ARGS, redis_image="redis:7"))


def test_the_filters_stand_in_the_order_of_cost_and_on_the_tls_port_only() -> None:
    listed = patches(gateway_filter(Limits()), "HTTP_FILTER")
    names = [at(patch, "patch", "value", "name") for patch in listed]
    assert names == [
        "envoy.filters.http.header_mutation",
        "envoy.filters.http.local_ratelimit",
        "envoy.filters.http.ext_authz",
        "envoy.filters.http.ratelimit",
        "envoy.filters.http.buffer",
    ]
    for patch in listed:
        assert at(patch, "match", "listener", "portNumber") == HTTPS
        assert at(patch, "patch", "operation") == "INSERT_BEFORE"


def test_every_patch_is_of_the_gateway_only() -> None:
    for spec in (gateway_filter(Limits()), tenant_filter(["acme.groundwork.test"], OWN, 20)):
        assert at(spec, "workloadSelector", "labels") == WORKLOAD
        listed = at(spec, "configPatches")
        assert isinstance(listed, list)
        assert {at(patch, "match", "context") for patch in listed} == {"GATEWAY"}


def test_authorisation_fails_closed_and_is_told_the_name_asked_for_in_tls() -> None:
    config = at(_filter("envoy.filters.http.ext_authz"), "typed_config")
    assert at(config, "failure_mode_allow") is False
    assert at(config, "include_tls_session") is True
    assert at(config, "status_on_error", "code") == "ServiceUnavailable"


def test_both_counts_take_whose_and_how_many_from_the_authoriser() -> None:
    counted = at(_filter("envoy.filters.http.ratelimit"), "typed_config", "rate_limits")
    assert isinstance(counted, list)
    for name, row in zip(("tenant", "key"), counted, strict=True):
        said = {"key": "envoy.filters.http.ext_authz"}
        assert at(row, "actions", 0, "metadata", "metadata_key") == said | {"path": [{"key": name}]}
        limit = said | {"path": [{"key": "limits"}, {"key": name}]}
        assert at(row, "limit", "dynamic_metadata", "metadata_key") == limit


def test_what_only_the_platform_says_is_stripped_before_any_filter() -> None:
    mutations = at(manager(), "early_header_mutation_extensions", 0, "typed_config", "mutations")
    assert isinstance(mutations, list)
    prefixes = [at(one, "remove_on_match", "key_matcher", "prefix") for one in mutations]
    assert prefixes == ["x-tenant-", "x-agent-", "x-principal", "x-groundwork-"]
    assert at(manager(), "common_http_protocol_options", "headers_with_underscores_action") == "DROP_HEADER"


def test_the_access_log_holds_no_query_and_no_credential() -> None:
    fields = at(manager(), "access_log", 0, "typed_config", "log_format", "json_format")
    assert isinstance(fields, dict)
    assert fields["path"] == "%PATH(NQ:ORIG_OR_PATH)%"
    for value in fields.values():
        assert "AUTHORIZATION" not in value
        assert "COOKIE" not in value
        assert "API-KEY" not in value


def bucket_of(limit: int) -> Value:
    patch = patches(tenant_filter(["acme.groundwork.test"], OWN, limit), "VIRTUAL_HOST")[0]
    return at(patch, "patch", "value", "typed_per_filter_config", edge.LOCAL_LIMIT, "token_bucket")


def passed(limit: int, times: list[float]) -> list[float]:
    """Of requests at these times, those that an Envoy's bucket lets through: full at first, filled without steps."""
    bucket = bucket_of(limit)
    most, rate = at(bucket, "max_tokens"), at(bucket, "tokens_per_fill")
    assert isinstance(most, int)
    assert isinstance(rate, int)
    tokens, before, through = float(most), times[0], []
    for now in times:
        tokens, before = min(most, tokens + (now - before) * rate), now
        if tokens >= 1:
            tokens -= 1
            through.append(now)
    return through


@pytest.mark.parametrize(("limit", "most", "a_second"), [(1, 2, 2), (2, 4, 3), (20, 40, 22), (101, 202, 111)])
def test_a_tenants_bucket_holds_twice_its_limit_and_fills_a_tenth_faster(limit: int, most: int, a_second: int) -> None:
    assert bucket_of(limit) == {"max_tokens": most, "tokens_per_fill": a_second, "fill_interval": "1s"}


@given(st.data(), st.integers(1, 12))
def test_a_bucket_refuses_nothing_of_a_tenant_that_keeps_to_its_limit(data: st.DataObject, limit: int) -> None:
    """Even where one pod sees all of it, and however it is spread over each second."""
    spread = st.lists(st.floats(0, 0.999), max_size=limit)
    times = sorted(second + part for second in range(5) for part in data.draw(spread))
    assume(times)
    assert passed(limit, times) == times


@given(st.integers(1, 200), st.integers(2, 50))
def test_a_flood_gets_the_limit_and_little_more_to_the_authoriser(limit: int, times: int) -> None:
    sent = [number / (limit * times) for number in range(limit * times * 5)]
    for second in (3, 4):
        through = sum(second <= at_ < second + 1 for at_ in passed(limit, sent))
        assert limit <= through <= limit * 1.1 + 2


def test_a_tenants_route_leads_to_its_own_agents_without_their_prefix() -> None:
    spec = routed().one("VirtualService", "acme-gateway").at("spec")
    assert at(spec, "hosts") == ["acme.groundwork.test"]
    assert at(spec, "gateways") == ["groundwork-gateway/public"]
    route = at(spec, "http", 0)
    assert at(route, "match", 0, "uri", "prefix") == "/agents/concierge/"
    assert at(route, "rewrite", "uri") == "/"
    assert at(route, "route", 0, "destination", "host") == "concierge.acme.svc.cluster.local"


def test_names_that_a_balancer_has_certificates_of_are_beside_the_first_and_limited_as_it_is() -> None:
    graph = routed(replace(ROUTE, hosts=["acme.groundwork.test", "agents.companyx.test"]))
    assert graph.one("VirtualService", "acme-gateway").at("spec", "hosts") == [
        "acme.groundwork.test", "agents.companyx.test",
    ]  # fmt: skip
    listed = patches(graph.one("EnvoyFilter").at("spec"), "VIRTUAL_HOST")
    assert {"vhost": {"name": "agents.companyx.test:443"}} in [
        at(patch, "match", "routeConfiguration") for patch in listed
    ]


def test_all_that_a_tenants_route_makes_names_the_tenant() -> None:
    graph = routed()
    for one in graph.resources[1:]:
        assert "acme" in {one.at("metadata", "namespace"), str(one.at("metadata", "name")).removeprefix("tenant-")}


def test_custom_hosts_have_a_route_on_the_tenants_own_gateway() -> None:
    spec = routed().one("VirtualService", "acme-gateway-domains").at("spec")
    assert (at(spec, "hosts"), at(spec, "gateways")) == (["*"], [OWN])


def test_every_name_of_a_tenant_has_the_bucket_and_nobody_elses_has() -> None:
    """Also those that come with no run of the stack: they are all on the tenant's own Gateway."""
    listed = patches(routed().one("EnvoyFilter").at("spec"), "VIRTUAL_HOST")
    names = [at(patch, "match", "routeConfiguration") for patch in listed]
    assert names == [{"vhost": {"name": "acme.groundwork.test:443"}}, {"gateway": OWN}]
    rates = [
        at(patch, "patch", "value", "typed_per_filter_config", edge.LOCAL_LIMIT, "token_bucket", "tokens_per_fill")
        for patch in listed
    ]
    assert rates == [22, 22]


def test_names_that_are_nobodys_share_a_bucket_before_the_authoriser_is_asked() -> None:
    listed = patches(gateway_filter(replace(Limits(), others_per_second=50)), "HTTP_FILTER")
    (limit,) = (
        at(patch, "patch", "value") for patch in listed if at(patch, "patch", "value", "name") == edge.LOCAL_LIMIT
    )
    assert at(limit, "typed_config", "token_bucket", "tokens_per_fill") == 55
    assert at(limit, "typed_config", "filter_enforced", "default_value", "numerator") == 100


def test_no_agents_no_route_and_no_limit_no_bucket() -> None:
    graph = routed(replace(ROUTE, agents=[], requests_per_second=None))
    assert graph.of("VirtualService") == []
    for patch in patches(graph.one("EnvoyFilter").at("spec"), "VIRTUAL_HOST"):
        config = at(patch, "patch", "value", "typed_per_filter_config", edge.LOCAL_LIMIT)
        assert config == {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "unlimited",
            # Envoy asks for one; what is not enabled refuses nothing.
            "token_bucket": {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "1s"},
        }


def test_the_ports_are_not_privileged() -> None:
    assert min(HTTP, HTTPS) > 1023


def _filter(name: str) -> Value:
    (found,) = (one for one in edge.http_filters(Limits()) if one["name"] == name)
    return found
