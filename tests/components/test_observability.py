"""The observability layer as it is declared: who reaches what, what is scraped, what is kept, who is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from components.observability import alertmanager, collector
from components.observability.names import NAMESPACE, NODE_NAMESPACE
from components.observability.observability import Images, Kept, Observability, ObservabilityArgs
from components.observability.rules import platform
from components.observability.scraping import Config, Job, Scraping
from groundwork.errors import UserError
from tests.components.pod_security import violations
from tests.components.recording import Graph, Registered, Value, at, record
from tests.components.samples import DIGEST

KEPT = Kept(retention=timedelta(days=2), size=2**30)
IMAGES = Images(collector=DIGEST, prometheus=DIGEST, alertmanager=DIGEST, loki=DIGEST, traces=DIGEST)
ARGS = ObservabilityArgs(
    environment="local",
    images=IMAGES,
    metrics=KEPT,
    logs=KEPT,
    traces=KEPT,
    own_node=True,
    log_folder="/var/log/groundwork/pods",
    webhook="http://10.244.0.1:19093/alerts",
)
EVERYTHING = replace(ARGS, images=replace(IMAGES, grafana=DIGEST, tempo=DIGEST))
SERVERS = ("prometheus", "alertmanager", "loki", "traces", "collector")


@cache
def usual() -> Graph:
    return made(ARGS)


def made(args: ObservabilityArgs | None = None) -> Graph:
    """The layer; without arguments, the usual one, which is declared once."""
    if args is None:
        return usual()
    return record(lambda: Observability("observability", args), stack="local.observability")


def file(name: str, key: str, graph: Graph | None = None) -> dict[str, Value]:
    """A server's configuration as it reads it."""
    text = (graph or made()).one("ConfigMap", name).at("data", key)
    found = json.loads(str(text))
    assert isinstance(found, dict)
    return found


def rows(value: Value) -> list[Mapping[str, Value]]:
    assert isinstance(value, list)
    return value


def pods(graph: Graph) -> Iterator[tuple[str, Mapping[str, Value]]]:
    for kind in ("Deployment", "DaemonSet"):
        for one in graph.of(kind):
            spec = one.at("spec", "template", "spec")
            assert isinstance(spec, Mapping)
            yield one.name, spec


def test_every_pod_keeps_to_restricted_but_for_the_one_mount_that_reads_logs() -> None:
    found = {name: violations(spec) for name, spec in pods(made(EVERYTHING))}
    (mount,) = found.pop("collector-agent")
    assert "volume" in mount
    assert set(found) == {"prometheus", "alertmanager", "loki", "tempo", "collector", "grafana"}
    assert all(wrong == [] for wrong in found.values())


def test_no_server_names_a_port_twice() -> None:
    """The API server takes such a Deployment once, and refuses to apply the same again."""
    for name, spec in pods(made(EVERYTHING)):
        for container in rows(spec["containers"]):
            numbers = [port["containerPort"] for port in rows(container.get("ports", []))]
            assert len(numbers) == len(set(numbers)), name


def test_the_agent_reads_one_folder_as_a_group_and_writes_none_of_the_nodes() -> None:
    spec = made().one("DaemonSet").at("spec", "template", "spec")
    hosts = [volume for volume in rows(at(spec, "volumes")) if "hostPath" in volume]
    assert [at(volume, "hostPath") for volume in hosts] == [{"path": "/var/log/groundwork/pods", "type": "Directory"}]
    mounts = {str(mount["name"]): mount for mount in rows(at(spec, "containers", 0, "volumeMounts"))}
    assert mounts["logs"]["readOnly"] is True
    assert at(spec, "securityContext", "runAsGroup") == 0
    assert at(spec, "securityContext", "runAsUser") != 0
    assert at(spec, "containers", 0, "securityContext", "capabilities") == {"drop": ["ALL"]}


def test_only_the_agents_namespace_is_let_off_and_it_holds_nothing_else() -> None:
    level = "pod-security.kubernetes.io/enforce"
    levels = {one.name: one.at("metadata", "labels", level) for one in made().of("Namespace")}
    assert levels == {NAMESPACE: "restricted", NODE_NAMESPACE: "privileged"}
    inside = {name for name, _ in pods(made()) if _namespace(name) == NODE_NAMESPACE}
    assert inside == {"collector-agent"}


def _namespace(name: str) -> Value:
    (one,) = [each for kind in ("Deployment", "DaemonSet") for each in made().of(kind) if each.name == name]
    return one.at("metadata", "namespace")


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_has_doors_for_named_callers_before_it_starts(server: str) -> None:
    graph = made()
    guards = [graph.one("NetworkPolicy", server), graph.one("AuthorizationPolicy", f"{server}-callers")]
    assert {guard.urn for guard in guards} <= graph.one("Deployment", server).depends_on
    policy, doors = guards
    assert policy.at("spec", "policyTypes") == ["Ingress", "Egress"]
    for rule in rows(doors.at("spec", "rules")):
        assert rule.get("from") or server == "collector", "only the collector is open to the whole mesh"
        assert rule.get("to"), "a door names its ports"


def test_who_may_call_whom() -> None:
    def callers(server: str) -> set[str]:
        doors = made().one("AuthorizationPolicy", f"{server}-callers")
        principals = [at(rule, "from", 0, "source", "principals", 0) for rule in rows(doors.at("spec", "rules"))]
        return {str(each).rpartition("/")[2] for each in principals if each is not None}

    assert callers("loki") == {"collector", "grafana", "prometheus"}
    assert callers("traces") == {"collector", "grafana", "prometheus"}
    assert callers("alertmanager") == {"prometheus", "grafana"}
    assert callers("prometheus") == {"grafana"}


def test_prometheus_may_read_where_things_are_and_their_numbers_and_nothing_else() -> None:
    rules = rows(made().one("ClusterRole").at("rules"))
    assert [(rule.get("resources") or rule.get("nonResourceURLs"), rule["verbs"]) for rule in rules] == [
        (["pods", "nodes"], ["get", "list", "watch"]),
        (["nodes/metrics"], ["get"]),
        (["/metrics", "/metrics/resources"], ["get"]),
    ]


def test_every_job_behind_a_sidecar_shows_a_certificate_of_the_mesh() -> None:
    jobs = rows(file("prometheus-config", "prometheus.yaml")["scrape_configs"])
    assert [str(job["job_name"]) for job in jobs] == Scraping(own_node=True).names()
    for job in jobs:
        certificate = at(job, "tls_config", "cert_file")
        token = at(job, "authorization", "credentials_file")
        secure = job.get("scheme") == "https"
        assert secure == bool(certificate or token), job["job_name"]
        assert not (certificate and token), "a token is never shown to a pod"
        # Most of those ports stand in no Service: their servers are not asked in HTTP/2 because the sidecar offers it.
        assert job.get("enable_http2") is (False if certificate else None)


def test_openbao_s_port_is_asked_as_its_pod_says() -> None:
    jobs = {str(job["job_name"]): job for job in rows(file("prometheus-config", "prometheus.yaml")["scrape_configs"])}
    asked = {name for name, job in jobs.items() if "__scheme__" in json.dumps(job)}
    assert asked == {"openbao"}
    by_pod = {
        "source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_scheme"],
        "regex": "(https)",
        "target_label": "__scheme__",
    }
    assert by_pod in rows(jobs["openbao"]["relabel_configs"])


def test_a_token_is_only_shown_to_servers_whose_certificate_is_checked() -> None:
    for job in rows(file("prometheus-config", "prometheus.yaml")["scrape_configs"]):
        if at(job, "authorization"):
            assert at(job, "tls_config", "ca_file")
            assert at(job, "tls_config", "insecure_skip_verify") is None


def test_whose_numbers_an_agents_are_is_not_said_by_the_agent() -> None:
    jobs = {str(job["job_name"]): job for job in rows(file("prometheus-config", "prometheus.yaml")["scrape_configs"])}
    agents = jobs["agents"]
    assert agents.get("honor_labels") is None
    assert {"regex": "exported_(tenant|agent|namespace|pod|app)", "action": "labeldrop"} in rows(
        agents["metric_relabel_configs"]
    )


def test_in_a_clusters_of_somebody_elses_the_control_plane_is_not_scraped() -> None:
    own, other = Scraping(own_node=True).names(), Scraping(own_node=False).names()
    assert set(own) - set(other) == {
        "etcd",
        "kube-controller-manager",
        "kube-scheduler",
        "pod-resources",
        "kube-proxy",
        "metrics-server",
        "coredns",
        "containerd",
    }


def test_another_layers_jobs_are_scraped_too() -> None:
    job = Job(name="openbao", namespace="groundwork-secrets", port=8200)
    assert "openbao" in Scraping(own_node=False, more=[job]).names()


def test_rules_and_their_alerts_reach_prometheus_as_files() -> None:
    group: Config = {"groups": [{"name": "acme", "rules": []}]}
    graph = made(replace(ARGS, rules={"slo": group}))
    assert file("prometheus-config", "rules-slo.yaml", graph) == group
    assert file("prometheus-config", "rules-platform.yaml", graph) == platform()["platform"]


def test_every_alert_names_a_runbook_and_a_severity() -> None:
    for rule in rows(at(platform(), "platform", "groups", 0, "rules")):
        assert at(rule, "labels", "severity") in {"page", "warning", "ticket"}
        assert str(at(rule, "annotations", "runbook_url")).startswith("docs/runbooks/")


def test_alerts_are_told_by_tenant_and_a_page_at_once() -> None:
    config = alertmanager.config("http://hook.example.com/a")
    assert at(config, "route", "group_by") == ["tenant", "alertname"]
    assert at(config, "route", "routes", 0, "group_wait") == "5s"
    assert at(config, "receivers", 0, "webhook_configs", 0, "url") == "http://hook.example.com/a"
    assert at(alertmanager.config(None), "receivers", 0, "webhook_configs") == []


def test_one_tenants_page_hides_no_other_tenants_warning() -> None:
    for rule in rows(alertmanager.config(None)["inhibit_rules"]):
        if "severity" in str(rule["source_matchers"]):
            assert at(rule, "equal", 0) == "tenant"


def test_failed_and_slow_traces_are_always_kept() -> None:
    args = collector.CollectorArgs(image=DIGEST, keep=5.0, slow=timedelta(seconds=1), storage_class=None, tempo=False)
    policies = rows(at(collector.gateway_config(args), "processors", "tail_sampling", "policies"))
    assert [policy["type"] for policy in policies] == ["status_code", "latency", "probabilistic"]
    assert at(policies[2], "probabilistic", "sampling_percentage") == 5.0


def test_what_a_store_does_not_take_waits_on_disk_in_a_bounded_queue() -> None:
    for config in (file("collector-config", "collector.yaml"), collector.agent_config()):
        exporters = config["exporters"]
        assert isinstance(exporters, Mapping)
        for exporter in exporters.values():
            assert at(exporter, "sending_queue", "storage") == "file_storage"
            assert isinstance(at(exporter, "sending_queue", "queue_size"), int)
        pipelines = at(config, "service", "pipelines")
        assert isinstance(pipelines, Mapping)
        for pipeline in pipelines.values():
            assert at(pipeline, "processors", 0) == "memory_limiter"


def test_the_agent_does_not_read_its_own_words() -> None:
    assert at(collector.agent_config(), "receivers", "filelog", "exclude") == [f"/logs/{NODE_NAMESPACE}_*/*/*.log"]


def test_grafana_and_tempo_are_declared_where_their_images_are_given() -> None:
    names = {one.name for one in made().of("Deployment")}
    assert names == set(SERVERS)
    everything = made(EVERYTHING)
    assert {one.name for one in everything.of("Deployment")} == (names - {"traces"}) | {"grafana", "tempo"}
    spans = file("collector-config", "collector.yaml", everything)
    assert at(spans, "exporters", "otlp/traces", "endpoint") == f"tempo.{NAMESPACE}.svc.cluster.local:4317"


def test_an_image_by_tag_is_refused() -> None:
    with pytest.raises(UserError, match="not by digest"):
        made(replace(ARGS, images=replace(IMAGES, loki="grafana/loki:latest")))


def test_with_a_storage_class_what_is_kept_outlives_its_pod() -> None:
    graph = made(replace(ARGS, storage_class="gp3"))
    assert {one.name for one in graph.of("PersistentVolumeClaim")} == set(SERVERS)
    assert graph.one("PersistentVolumeClaim", "loki").at("spec", "storageClassName") == "gp3"
    assert made().of("PersistentVolumeClaim") == []


def doors(namespace: str) -> Registered:
    return made().one("AuthorizationPolicy", f"{namespace}-scraped")


def test_the_platforms_own_servers_are_opened_for_prometheus_alone() -> None:
    for namespace in ("groundwork-gateway", "groundwork-domains"):
        (rule,) = rows(doors(namespace).at("spec", "rules"))
        assert at(rule, "from", 0, "source", "principals") == [f"cluster.local/ns/{NAMESPACE}/sa/prometheus"]
        assert at(rule, "to", 0, "operation", "ports")


def test_prometheus_reaches_the_ports_that_it_asks_and_no_others() -> None:
    args = replace(ARGS, remote_write="https://metrics.example.com:8443/write")
    for wanted, ports in ((ARGS, set()), (args, {8443})):
        policy = made(wanted).one("NetworkPolicy", "prometheus")
        (anywhere,) = [each for each in rows(policy.at("spec", "egress")) if at(each, "to", 0, "ipBlock") is not None]
        found = {port["port"] for port in rows(at(anywhere, "ports"))}
        assert found == {443, 6443, *Scraping(own_node=True).ports()} | ports
        assert at(anywhere, "to", 0, "ipBlock", "except") == ["169.254.0.0/16"]


def test_spans_come_from_namespaces_of_the_mesh_alone() -> None:
    peers = [at(each, "from", 0) for each in rows(made().one("NetworkPolicy", "collector").at("spec", "ingress"))]
    assert {"namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}}} in peers
    assert {"namespaceSelector": {}} not in peers
