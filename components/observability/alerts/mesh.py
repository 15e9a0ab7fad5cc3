"""The mesh: its control plane, and the certificates that everything trusts."""

from __future__ import annotations

from datetime import timedelta

from components.observability.alerting import Alert

_DAY = 86_400
_LEFT = "{{ $value | humanizeDuration }}"

ALERTS = (
    Alert(
        name="IstiodDown",
        expr='absent(up{job="istiod"} == 1)',
        wait=timedelta(minutes=2),
        severity="page",
        summary="No istiod runs: pods that start are refused, and in half a day certificates end",
        runbook="istiod-down",
    ),
    Alert(
        name="MeshRootExpires",
        expr=f"min(citadel_server_root_cert_expiry_seconds) < {30 * _DAY}",
        wait=timedelta(minutes=5),
        severity="warning",
        summary=f"The mesh's root ends in {_LEFT}",
        runbook="rotate-the-root",
    ),
    Alert(
        name="MeshRootExpiresSoon",
        expr=f"min(citadel_server_root_cert_expiry_seconds) < {7 * _DAY}",
        wait=timedelta(minutes=5),
        severity="page",
        summary=f"The mesh's root ends in {_LEFT}; then nothing in the mesh reaches anything",
        runbook="rotate-the-root",
    ),
    Alert(
        name="MeshIssuerExpires",
        expr=f"min(citadel_server_cert_chain_expiry_seconds) < {7 * _DAY}",
        wait=timedelta(minutes=5),
        severity="page",
        summary=f"What istiod signs certificates with ends in {_LEFT}",
        runbook="rotate-the-root",
    ),
    Alert(
        name="WorkloadCertificateExpires",
        # They live a day and are renewed at half of it.
        expr="min by (namespace, pod)"
        " (envoy_cluster_ssl_certificate_default_expiration_unix_time_seconds) - time() < 6 * 3600",
        wait=timedelta(minutes=5),
        severity="page",
        summary="{{ $labels.namespace }}/{{ $labels.pod }}: its certificate was not renewed and ends in " + _LEFT,
        runbook="istiod-down",
    ),
    Alert(
        name="MeshConfigurationRejected",
        # The series begins with the first refusal: there is no zero to rise from. A refusal is counted when a push is
        # sent, and what is still refused is sent again at the latest when istiod ends the connection: after 30 minutes
        # and up to a tenth (its chart's keepaliveMaxServerConnectionAge, gRPC's jitter).
        expr="sum by (type) (pilot_total_xds_rejects) > 0"
        " unless sum by (type) (pilot_total_xds_rejects offset 40m) == sum by (type) (pilot_total_xds_rejects)",
        wait=timedelta(minutes=1),
        severity="page",
        summary="Proxies refuse what istiod sends them ({{ $labels.type }}) and keep what they had",
        runbook="configuration-refused",
    ),
)
