"""The platform's alerts by promtool: each is silent before, fires, and clears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.observability import alerts
from components.observability.rules import platform
from components.observability.scraping import Config
from tests.promtool import Case, check, counter, ensured, gauge, run_cases
from tests.promtool import alerts as alerts_of
from tests.promtool import groups as groups_of

pytestmark = pytest.mark.engine

WHO = {"tenant": "acme", "agent": "one"}
AGENT = 'tenant="acme",agent="one"'
GATEWAY = 'namespace="groundwork-gateway"'
SENT = f'envoy_cluster_upstream_rq{{{GATEWAY},destination_service_name="one",destination_service_namespace="acme"'
DAY = 86_400
# Minutes of: nothing wrong, wrong, nothing wrong again.
GOOD, BAD, AGAIN = 30, 90, 80


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """`series`: name → its value while all is well, and while it is not; a counter's growth a minute.

    `labels`: of the alert, beside its severity. `after`: minutes of trouble after which it must fire.
    """

    series: Mapping[str, tuple[float, float]]
    labels: Mapping[str, str] = field(default_factory=dict)
    notation: Callable[..., str] = gauge
    after: int = 5


def ends(left: float) -> float:
    """When something ends that has `left` seconds left in the middle of the trouble; promtool begins at 1970."""
    return (GOOD + BAD / 2) * 60 + left


def severity_of(alert: Config) -> str:
    labels = alert["labels"]
    assert isinstance(labels, dict)
    return str(labels["severity"])


def errors(kind: str, share: float) -> dict[str, tuple[float, float]]:
    return {
        f'agent_requests_total{{{AGENT},status="200"}}': (100, 100),
        f'agent_errors_total{{{AGENT},type="{kind}"}}': (0, 100 * share),
    }


def absent(job: str, more: str = "") -> Trouble:
    return Trouble(series={f'up{{job="{job}"{more}}}': (1, 0)})


TROUBLES: Mapping[str, Trouble] = {
    "AgentDown": Trouble(
        series={f'up{{job="agents",{AGENT},pod="a"}}': (1, 0), f'up{{job="agents",{AGENT},pod="b"}}': (0, 0)},
        labels=WHO,
    ),
    "AgentModelFails": Trouble(series=errors("model_timeout", 0.2), labels=WHO, notation=counter, after=12),
    "AgentInternalErrors": Trouble(series=errors("internal", 0.05), labels=WHO, notation=counter, after=12),
    "AgentOverloaded": Trouble(series=errors("overloaded", 0.1), labels=WHO, notation=counter, after=12),
    "AgentRestarts": Trouble(
        series={'container_start_time_seconds{container="agent",namespace="acme",pod="one-1"}': (0, 1)},
        labels={"namespace": "acme", "pod": "one-1"},
        notation=counter,
        after=10,
    ),
    "AgentCostUnknown": Trouble(
        series={f"agent_answers_without_usage_total{{{AGENT}}}": (0, 1)}, labels=WHO, notation=counter, after=12
    ),
    "GatewayDown": absent("sidecars", f',{GATEWAY},app="gateway"'),
    "AuthorizerDown": absent("authorizer", f",{GATEWAY}"),
    "RateLimiterDown": absent("ratelimit", f",{GATEWAY}"),
    "LimitStoreDown": absent("redis", f",{GATEWAY}"),
    "GatewayErrors": Trouble(
        series={
            f'envoy_http_downstream_rq{{{GATEWAY},response_code_class="2xx"}}': (100, 100),
            f'envoy_http_downstream_rq{{{GATEWAY},response_code_class="5xx"}}': (1, 20),
        },
        notation=counter,
        after=10,
    ),
    "AgentUnreachable": Trouble(
        series={f'{SENT},response_code_class="2xx"}}': (100, 10), f'{SENT},response_code_class="5xx"}}': (1, 90)},
        labels=WHO,
        notation=counter,
        after=10,
    ),
    "AuthorizerStale": Trouble(series={'authorizer_knowledge_age_seconds{pod="a"}': (5, 300)}, labels={"pod": "a"}),
    "AuthorizerSlow": Trouble(
        series={
            'authorizer_decision_seconds_bucket{le="0.02"}': (100, 50),
            'authorizer_decision_seconds_bucket{le="0.1"}': (100, 100),
            'authorizer_decision_seconds_bucket{le="+Inf"}': (100, 100),
        },
        notation=counter,
        after=20,
    ),
    "IstiodDown": absent("istiod"),
    "MeshRootExpires": Trouble(series={"citadel_server_root_cert_expiry_seconds": (80 * DAY, 20 * DAY)}, after=10),
    "MeshRootExpiresSoon": Trouble(series={"citadel_server_root_cert_expiry_seconds": (20 * DAY, 5 * DAY)}, after=10),
    "MeshIssuerExpires": Trouble(series={"citadel_server_cert_chain_expiry_seconds": (20 * DAY, 5 * DAY)}, after=10),
    "WorkloadCertificateExpires": Trouble(
        series={
            'envoy_cluster_ssl_certificate_default_expiration_unix_time_seconds{namespace="acme",pod="one-1"}': (
                ends(13 * 3600),
                ends(4 * 3600),
            )
        },
        labels={"namespace": "acme", "pod": "one-1"},
        after=10,
    ),
    "MeshConfigurationRejected": Trouble(
        series={'pilot_total_xds_rejects{type="lds"}': (0, 1)}, labels={"type": "lds"}, notation=counter
    ),
    "DomainsDown": absent("domains"),
    "DomainsWithoutLeader": Trouble(
        series={'groundwork_domains_leads{pod="a"}': (1, 0), 'groundwork_domains_leads{pod="b"}': (0, 0)}, after=10
    ),
    "DomainFailed": Trouble(
        series={f'groundwork_domains{{state="Failed",pod="{pod}"}}': (0, 1) for pod in ("a", "b")}, after=20
    ),
    "CertificateExpires": Trouble(
        series={
            'groundwork_domains_certificate_not_after_seconds{host="a.example.com"}': (ends(80 * DAY), ends(10 * DAY))
        },
        labels={"host": "a.example.com"},
        after=70,
    ),
    "CertificateExpiresSoon": Trouble(
        series={
            'groundwork_domains_certificate_not_after_seconds{host="a.example.com"}': (ends(10 * DAY), ends(2 * DAY))
        },
        labels={"host": "a.example.com"},
        after=10,
    ),
    "TargetDown": Trouble(series={'up{job="opa",pod="a"}': (1, 0)}, labels={"job": "opa"}),
    "CollectorDown": absent("collector"),
    "LokiDown": absent("loki"),
    "TelemetryRefused": Trouble(
        series={'otelcol_exporter_send_failed_log_records_total{exporter="otlphttp/logs"}': (0, 10)},
        labels={"exporter": "otlphttp/logs"},
        notation=counter,
        after=10,
    ),
    "PrometheusCannotWrite": Trouble(
        series={"prometheus_tsdb_wal_writes_failed_total": (0, 1)}, notation=counter, after=10
    ),
    "OpenBaoSealed": Trouble(
        series={
            'vault_core_unsealed{pod="openbao-0",cluster="vault"}': (1, 0),
            'vault_core_unsealed{pod="openbao-0",cluster=""}': (1, 1),
        },
        labels={"pod": "openbao-0"},
    ),
    "OpenBaoDown": Trouble(series={'up{job="openbao",pod="openbao-0"}': (1, 0)}),
    "OpenBaoAuditFails": Trouble(
        series={
            'vault_audit_log_request_failure{pod="openbao-0"}': (0, 1),
            'vault_audit_log_response_failure{pod="openbao-0"}': (0, 0),
        },
        labels={"pod": "openbao-0"},
        notation=counter,
    ),
    "SecretNotSynced": Trouble(
        series={
            'externalsecret_status_condition{condition="Ready",status="False",exported_namespace="acme",name="a"}': (
                0,
                1,
            )
        },
        labels={"exported_namespace": "acme", "name": "a"},
        after=10,
    ),
    "OpenBaoSnapshotOld": Trouble(
        # One is due every ten minutes; promtool begins at 1970.
        series={
            "groundwork_openbao_snapshot_timestamp_seconds": (DAY, 0),
            "groundwork_openbao_snapshot_interval_seconds": (600, 600),
        },
        after=60,
    ),
    "SecretOverdue": Trouble(
        series={'groundwork_secret_expiry_timestamp_seconds{tenant="acme",secret="a"}': (ends(DAY), 60)},
        labels={"tenant": "acme", "secret": "a"},
    ),
    "SecretRotationFails": Trouble(
        series={'groundwork_secret_rotation_failures_total{tenant="acme",secret="a"}': (0, 1)},
        labels={"tenant": "acme", "secret": "a"},
        notation=counter,
    ),
    "SecretRotatorStands": Trouble(
        series={'groundwork_secret_rotator_rounds_total{result="done"}': (2, 0)}, notation=counter, after=25
    ),
    "ApiServerDown": absent("kube-apiserver"),
    "NodeDown": Trouble(series={'up{job="kubelet",node="a"}': (1, 0)}, labels={"node": "a"}),
    "NodeNotReady": Trouble(series={'node_collector_unhealthy_nodes_in_zone{zone=""}': (0, 1)}),
    "NodeMemoryShort": Trouble(
        series={'node_memory_working_set_bytes{node="a"}': (50, 95), 'machine_memory_bytes{node="a"}': (100, 100)},
        labels={"node": "a"},
        after=10,
    ),
    "NodeProcessorFull": Trouble(
        series={
            'node_cpu_usage_seconds_total{node="a"}': (60, 119),
            # Grows by nothing: two processors from the beginning.
            'machine_cpu_cores{node="a"}': (0, 0),
        },
        labels={"node": "a"},
        notation=counter,
        after=50,
    ),
    "PodsWithoutRoom": Trouble(series={'scheduler_pending_pods{queue="unschedulable"}': (0, 2)}, after=15),
    "VolumeFills": Trouble(
        series={
            'kubelet_volume_stats_used_bytes{namespace="acme",persistentvolumeclaim="data"}': (50, 90),
            'kubelet_volume_stats_capacity_bytes{namespace="acme",persistentvolumeclaim="data"}': (100, 100),
        },
        labels={"namespace": "acme", "persistentvolumeclaim": "data"},
        after=15,
    ),
    "EtcdWithoutLeader": Trouble(series={"etcd_server_has_leader": (1, 0)}),
    "EtcdFills": Trouble(
        series={"etcd_mvcc_db_total_size_in_bytes": (50, 90), "etcd_server_quota_backend_bytes": (100, 100)}, after=10
    ),
}
RULES = {**platform(), **alerts.files()}
GROUPS: dict[str, dict[str, Config]] = {
    str(group["name"]): {file: {"groups": [group]}} for file, content in RULES.items() for group in groups_of(content)
}
SEVERITIES = {str(alert["alert"]): severity_of(alert) for alert in alerts_of(RULES)}


def _case(name: str) -> Case:
    trouble = TROUBLES[name]
    series = {
        each: trouble.notation((good, GOOD), (bad, BAD), (good, AGAIN)) for each, (good, bad) in trouble.series.items()
    }
    if name == "NodeProcessorFull":
        series['machine_cpu_cores{node="a"}'] = gauge((2, GOOD + BAD + AGAIN))
    fires = [{"severity": SEVERITIES[name], **trouble.labels}]
    return Case(alert=name, series=series, firing={GOOD - 1: [], GOOD + trouble.after: fires, GOOD + BAD + 75: []})


def test_every_alert_has_its_trouble() -> None:
    assert set(TROUBLES) == set(SEVERITIES)


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    ensured()
    check(RULES, tmp_path)


@pytest.mark.parametrize("group", GROUPS)
def test_every_alert_is_silent_then_fires_then_clears(tmp_path: Path, group: str) -> None:
    """A group at a time: promtool evaluates all rules that it is given for each case, and no group needs another."""
    ensured()
    rules = GROUPS[group]
    run_cases(rules, [_case(str(alert["alert"])) for alert in alerts_of(rules)], tmp_path)


def test_a_refused_configuration_stays_an_alert_between_two_pushes(tmp_path: Path) -> None:
    # One refusal when it is pushed, then one a connection: istiod ends them after half an hour, give or take a tenth.
    ensured()
    name, fires = "MeshConfigurationRejected", [{"type": "rds", "severity": SEVERITIES["MeshConfigurationRejected"]}]
    series = {'pilot_total_xds_rejects{type="rds"}': "_x29 1+0x32 2+0x32 3+0x80"}
    shown: dict[int, list[dict[str, str]]] = dict.fromkeys((33, 45, 61, 65, 80, 94, 98, 120, 130), fires)
    run_cases(RULES, [Case(alert=name, series=series, firing={25: [], **shown, 145: []})], tmp_path)


def test_a_node_that_was_never_unsealed_since_it_began_is_sealed(tmp_path: Path) -> None:
    ensured()
    sealed = [{"pod": "openbao-1", "severity": SEVERITIES["OpenBaoSealed"]}]
    series = {
        'vault_core_unsealed{pod="openbao-0",cluster=""}': "0x60",
        'vault_core_unsealed{pod="openbao-0",cluster="vault"}': "1x60",
        'vault_core_unsealed{pod="openbao-1",cluster=""}': "0x60",
    }
    run_cases(RULES, [Case(alert="OpenBaoSealed", series=series, firing={10: sealed})], tmp_path)
