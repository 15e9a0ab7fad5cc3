"""Domains: who serves zones, what became of custom domains, and when certificates end."""

from __future__ import annotations

from datetime import timedelta

from components.observability.alerting import Alert

_RUNBOOK = "domain-does-not-verify"

ALERTS = (
    Alert(
        name="DomainsDown",
        expr='absent(up{job="domains"} == 1)',
        wait=timedelta(minutes=2),
        severity="page",
        summary="Nobody serves the platform's zones or renews certificates",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="DomainsWithoutLeader",
        expr="sum(groundwork_domains_leads) == 0",
        wait=timedelta(minutes=5),
        severity="warning",
        summary="No replica leads: no domain is proved, no certificate renewed",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="DomainFailed",
        # Each replica counts all domains.
        expr='max(groundwork_domains{state="Failed"}) > 0',
        wait=timedelta(minutes=15),
        severity="ticket",
        summary="{{ $value }} custom domains are not served: `groundwork domain list` says why",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="CertificateExpires",
        # Renewal is at two thirds of its life: of 90 days, 30 before the end.
        expr="min by (host) (groundwork_domains_certificate_not_after_seconds) - time() < 21 * 86400",
        wait=timedelta(hours=1),
        severity="ticket",
        summary="{{ $labels.host }}: the certificate should have been renewed; it ends in"
        " {{ $value | humanizeDuration }}",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="CertificateExpiresSoon",
        expr="min by (host) (groundwork_domains_certificate_not_after_seconds) - time() < 3 * 86400",
        wait=timedelta(minutes=5),
        severity="page",
        summary="{{ $labels.host }}: the certificate ends in {{ $value | humanizeDuration }}",
        runbook=_RUNBOOK,
    ),
)
