"""What is counted."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Gauge

from components.platform.specs import Domain, DomainStatus

DOMAINS = Gauge("groundwork_domains", "Custom domains by state", ["state"])
ISSUED = Counter("groundwork_domains_certificates", "Certificates asked for, by result", ["result"])
EXPIRY = Gauge("groundwork_domains_certificate_not_after_seconds", "When a certificate ends", ["host"])
LEADS = Gauge("groundwork_domains_leads", "Whether this replica leads")
_STATES = ("Pending", "Verified", "Issued", "Failed")


def count(domains: Sequence[Domain], wildcards: Mapping[str, DomainStatus]) -> None:
    """Bring the gauges in line with what is known now."""
    tally = Tally[str](each.status.state for each in domains)
    for state in _STATES:
        DOMAINS.labels(state=state).set(tally[state])
    statuses = {each.spec.host: each.status for each in domains}
    statuses |= {f"*.{zone}": status for zone, status in wildcards.items()}
    EXPIRY.clear()
    for host, status in statuses.items():
        if status.certificate is not None:
            EXPIRY.labels(host=host).set(status.certificate.not_after.timestamp())
