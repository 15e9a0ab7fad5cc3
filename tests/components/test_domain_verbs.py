"""`groundwork domain`, as far as it goes without a cluster; the rest is in tests/engine/domains."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.domains.verbs import lines
from components.platform.specs import Certificate, DnsRecord, DomainStatus
from tests.command import groundwork

HOST = "agents.companyx.test"
RECORDS = [
    DnsRecord(type="TXT", name=f"_groundwork-challenge.{HOST}", value="groundwork-verification=abc"),
    DnsRecord(type="CNAME", name=HOST, value="acme.groundwork.test"),
]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_pending_domain_shows_what_to_set_and_where() -> None:
    text = "\n".join(lines(HOST, DomainStatus(state="Pending", reason="not there", records=RECORDS)))
    assert f"  TXT    _groundwork-challenge.{HOST}  groundwork-verification=abc" in text
    assert f"  CNAME  {HOST}  acme.groundwork.test" in text


def test_an_issued_one_shows_its_certificate_and_no_record() -> None:
    certificate = Certificate(
        secret="s", issuer="CN=x", not_before=NOW, not_after=NOW + timedelta(days=90), renew_at=NOW + timedelta(days=60)
    )
    status = DomainStatus(state="Issued", records=RECORDS, certificate=certificate)
    assert lines(HOST, status) == [f"{HOST}: Issued", "certificate until 2027-02-19 12:00 UTC, CN=x"]


def test_a_failed_one_says_why() -> None:
    assert lines(HOST, DomainStatus(state="Failed", reason="taken")) == [f"{HOST}: Failed – taken"]


@pytest.mark.parametrize("name", ["*.companyx.test", "no dots", "a..b", "a-.test", "a" * 64 + ".test", "192.0.2.1"])
def test_what_is_no_host(name: str) -> None:
    done = groundwork("domain", "add", "acme", name)
    assert done.returncode == 2
    assert "is not a host's name" in done.stderr


def test_a_cluster_that_does_not_answer_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {}}]\n"
    )
    done = groundwork("domain", "list", "--kubeconfig", str(file))
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_nothing_is_up(tmp_path: Path) -> None:
    done = groundwork("domain", "ca", variables={"GROUNDWORK_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert "groundwork up local" in done.stderr
