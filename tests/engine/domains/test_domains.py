"""Zones, proofs and certificates with real parts: CoreDNS, an authority that speaks ACME, DNS between all of them.

The nodes are simulated, so the operator and the zone server run beside the test, with the rights that they have in a
cluster. No name is looked up in a file.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from pydantic import JsonValue

from components.platform.specs import Domain
from groundwork.waiting import wait_until
from tests.command import groundwork, succeeded
from tests.engine.domains.world import CUSTOMER, CUSTOMERS, DOMAIN, HELD, HTTP, World, world

pytestmark = pytest.mark.engine
SLOW = 120


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    # Below /tmp and short: a unix socket's path has a limit that pytest's own folders may exceed.
    folder = Path(tempfile.mkdtemp(prefix="gwd"))
    try:
        with world(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def proof(domain: Domain) -> str:
    """The line of a zone file that the operator asks for."""
    record = domain.status.records[0]
    return f'{record.name}. 1 IN TXT "{record.value}"'


def certificate(here: World, secret: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(here.secret(secret)["tls.crt"]))


def names(found: x509.Certificate) -> set[str]:
    listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(listed.get_values_for_type(x509.DNSName))


def added(here: World, label: str, tenant: str = "acme") -> tuple[str, Domain]:
    """A host of the customer's that is added and not proved."""
    host = f"{label}.{CUSTOMERS}"
    here.add(tenant, host)
    return host, here.until(tenant, host, "Pending", "not there", SLOW)


def leads_here(here: World, host: str) -> bool:
    return here.ask(host, "A") == ["127.0.0.1"]


def issued(here: World, label: str, tenant: str = "acme") -> tuple[str, Domain]:
    host, domain = added(here, label, tenant)
    here.publish(proof(domain), f"{label} 1 IN A 127.0.0.1")
    return host, here.until(tenant, host, "Issued", seconds=SLOW)


def test_the_wildcard_is_signed_by_dns_in_our_own_zone(here: World) -> None:
    assert wait_until(lambda: "tls.crt" in here.secret("wildcard"), SLOW)
    assert names(certificate(here, "wildcard")) == {f"*.{DOMAIN}", DOMAIN}
    assert "Pebble" in certificate(here, "wildcard").issuer.rfc4514_string()
    assert wait_until(lambda: here.ask(f"_acme-challenge.{DOMAIN}", "TXT") == [], SLOW)


def test_every_tenant_has_an_address_and_other_zones_none(here: World) -> None:
    for host in (f"acme.{DOMAIN}", f"never-heard-of.{DOMAIN}"):
        assert wait_until(partial(leads_here, here, host), SLOW), host
    assert here.ask("example.com", "A") == []


def test_a_customers_host_from_added_to_removed(here: World) -> None:
    host, domain = added(here, "whole")
    assert here.secret(f"domain-{host}") == {}
    here.publish(proof(domain), "whole 1 IN A 127.0.0.1")
    domain = here.until("acme", host, "Issued", seconds=SLOW)
    assert domain.status.certificate is not None
    assert names(certificate(here, f"domain-{host}")) == {host}
    assert wait_until(lambda: f"acme/{host}" in json.dumps(here.servers("acme")), SLOW)

    def told() -> set[str]:
        return set(here.kubectl("get", "events", "-n", "acme", "-o", "jsonpath={.items[*].reason}").split())

    # Of each change after it is made.
    assert wait_until(lambda: {"Pending", "Verified", "Issued"} <= told(), SLOW), told()
    here.remove("acme", host)
    assert wait_until(lambda: not here.secret(f"domain-{host}"), SLOW)
    assert wait_until(lambda: host not in json.dumps(here.servers("acme")), SLOW)


def test_an_alias_proves_too(here: World) -> None:
    host, _ = added(here, "alias")
    here.publish(f"alias 1 IN CNAME acme.{DOMAIN}.")
    domain = here.until("acme", host, "Issued", seconds=SLOW)
    assert any(row.reason == "CNAME" for row in domain.status.conditions)


def test_a_zone_that_is_kept_for_a_tenant_needs_nothing_more(here: World) -> None:
    host = f"agents.{HELD}"
    here.add("acme", host)
    here.until("acme", host, "Issued", seconds=SLOW)
    assert wait_until(partial(leads_here, here, host), SLOW)
    here.remove("acme", host)
    assert wait_until(
        lambda: here.ask(host, "A") == [] and here.ask(f"_groundwork-challenge.{host}", "TXT") == [], SLOW
    )


class TestRefused:
    def test_a_wrong_text(self, here: World) -> None:
        host, _ = added(here, "wrong")
        here.publish(f'_groundwork-challenge.{host}. 1 IN TXT "groundwork-verification=guessed"')
        here.until("acme", host, "Pending", "is groundwork-verification=guessed, not", SLOW)
        assert here.secret(f"domain-{host}") == {}

    def test_another_tenants_text(self, here: World) -> None:
        host, mine = added(here, "theirs")
        _, other = added(here, "theirs", "globex")
        assert mine.status.records[0].value != other.status.records[0].value
        here.publish(proof(other), "theirs 1 IN A 127.0.0.1")
        here.until("globex", host, "Issued", seconds=SLOW)
        found = here.until("acme", host, "Failed", "verified by another tenant", SLOW)
        assert "globex" not in found.status.reason
        assert wait_until(lambda: host in json.dumps(here.servers("globex")), SLOW)
        assert host not in json.dumps(here.servers("acme"))

    @pytest.mark.parametrize(("tenant", "host"), [("acme", f"globex.{DOMAIN}"), ("globex", f"mine.{HELD}")])
    def test_a_name_in_a_zone_of_others(self, here: World, tenant: str, host: str) -> None:
        here.add(tenant, host)
        here.until(tenant, host, "Failed", "zone", SLOW)
        assert here.ask(f"_groundwork-challenge.{host}", "TXT") == []

    def test_a_host_that_the_authority_does_not_sign_for(self, here: World) -> None:
        host, domain = added(here, "blocked")
        here.publish(proof(domain), "blocked 1 IN A 127.0.0.1")
        found = here.until("acme", host, "Failed", "rejectedIdentifier", SLOW)
        assert found.status.retry_at is not None
        assert here.secret(f"domain-{host}") == {}
        here.remove("acme", host)

    def test_a_host_that_leads_elsewhere(self, here: World) -> None:
        """Proved to us, but nothing answers the authority where the name points to."""
        host, domain = added(here, "elsewhere")
        here.publish(proof(domain))
        found = here.until("acme", host, "Failed", "", SLOW)
        assert "no certificate yet" in found.status.reason
        here.remove("acme", host)


class TestTrouble:
    def test_a_proof_that_vanishes_is_mourned_then_the_host_is_taken_down(self, here: World) -> None:
        host, domain = issued(here, "vanishing")
        line = proof(domain)
        here.publish("vanishing 1 IN A 127.0.0.1")
        # By what was told of it: the states themselves are soon followed by the next ones.
        assert wait_until(lambda: "the proof is gone" in here.told("acme", host), SLOW), here.told("acme", host)
        assert wait_until(lambda: "taken down" in here.told("acme", host), SLOW), here.told("acme", host)
        assert wait_until(lambda: not here.secret(f"domain-{host}"), SLOW)
        assert wait_until(lambda: host not in json.dumps(here.servers("acme")), SLOW)
        here.publish(line, "vanishing 1 IN A 127.0.0.1")
        here.until("acme", host, "Issued", seconds=SLOW)

    def test_dns_that_is_down_takes_nothing_down_and_is_asked_again(self, here: World) -> None:
        host, _ = issued(here, "steady")
        new, _ = added(here, "new")
        here.stop("customer")
        try:
            waiting = here.until("acme", new, "Pending", "DNS did not answer", SLOW)
            assert waiting.status.failures >= 1
            assert here.domain("acme", host).status.state == "Issued"
            assert here.domain("acme", host).status.lost_at is None
        finally:
            here.again("customer")
        here.until("acme", new, "Pending", "not there", SLOW)

    def test_an_authority_that_is_down_is_asked_again(self, here: World) -> None:
        host, domain = added(here, "patient")
        here.stop("pebble")
        try:
            here.publish(proof(domain), "patient 1 IN A 127.0.0.1")
            here.until("acme", host, "Verified", "the authority cannot be reached", SLOW)
        finally:
            here.again("pebble")
        here.until("acme", host, "Issued", seconds=SLOW)

    def test_an_operator_that_is_killed_goes_on(self, here: World) -> None:
        host, domain = added(here, "killed")
        here.publish(proof(domain), "killed 1 IN A 127.0.0.1")
        here.stop("operator")
        here.again("operator")
        here.until("acme", host, "Issued", seconds=SLOW)
        before = certificate(here, "wildcard").serial_number
        here.stop("operator")
        here.again("operator")
        assert wait_until(lambda: here.log("operator").count('"leads"') >= 3, SLOW)
        assert certificate(here, "wildcard").serial_number == before

    def test_a_deleted_certificate_is_made_again(self, here: World) -> None:
        before = certificate(here, "wildcard").serial_number
        here.kubectl("delete", "secret", "wildcard", "-n", "groundwork-gateway")
        assert wait_until(lambda: "tls.crt" in here.secret("wildcard"), SLOW)
        assert certificate(here, "wildcard").serial_number != before


@pytest.mark.usefixtures("here")
def test_only_what_was_asked_for_is_answered() -> None:
    assert wait_until(is_ready, SLOW)
    assert get("/healthz").status_code == 200
    assert get("/.well-known/acme-challenge/unknown").status_code == 404
    assert get("/.well-known/acme-challenge/").status_code == 404
    assert get("/metrics").status_code == 404


def get(path: str) -> httpx.Response:
    """From the operator."""
    return httpx.get(f"http://127.0.0.1:{HTTP}{path}", timeout=30)


def is_ready() -> bool:
    """One that has just begun does not listen yet."""
    try:
        return get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_the_command_line(here: World) -> None:
    host = f"typed.{CUSTOMERS}"
    where = ("--kubeconfig", str(here.node.kubeconfig))
    tenant: dict[str, JsonValue] = {
        "apiVersion": "groundwork.internal/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "acme", "namespace": "acme"},
        "spec": {"hosts": [f"acme.{DOMAIN}"]},
    }
    here.apply(tenant)
    found = json.loads(succeeded(groundwork("domain", "add", "acme", host, "--json", *where)))
    record = found["records"][0]
    assert (record["type"], record["name"]) == ("TXT", f"_groundwork-challenge.{host}")
    assert record["value"] in succeeded(groundwork("domain", "show", "acme", host, *where))
    assert groundwork("domain", "verify", "acme", host, "--wait", "1", *where).returncode == 99
    here.publish(f'{record["name"]}. 1 IN TXT "{record["value"]}"', "typed 1 IN A 127.0.0.1")
    assert "Issued" in succeeded(groundwork("domain", "verify", "acme", host, "--wait", str(SLOW), *where))
    listed = json.loads(succeeded(groundwork("domain", "list", "acme", "--json", *where)))
    assert host in {row["host"] for row in listed}
    assert "removed" in succeeded(groundwork("domain", "remove", "acme", host, "--yes", *where))
    assert groundwork("domain", "show", "acme", host, *where).returncode == 2
    assert groundwork("domain", "add", "nobody", host, *where).returncode == 2
    assert groundwork("domain", "add", "acme", "not a name", *where).returncode == 2


class TestRunbook:
    """docs/runbooks/domain-does-not-verify.md, step by step."""

    def show(self, here: World, tenant: str, host: str) -> str:
        return succeeded(groundwork("domain", "show", tenant, host, "--kubeconfig", str(here.node.kubeconfig)))

    def verify(self, here: World, tenant: str, host: str) -> str:
        where = ("--wait", str(SLOW), "--kubeconfig", str(here.node.kubeconfig))
        return succeeded(groundwork("domain", "verify", tenant, host, *where))

    def test_a_record_that_was_cut_off(self, here: World) -> None:
        host, domain = added(here, "cut")
        record = domain.status.records[0]
        here.publish(f'{record.name}. 1 IN TXT "{record.value[:-5]}"', "cut 1 IN A 127.0.0.1")
        here.until("acme", host, "Pending", f"not {record.value}", SLOW)
        assert f"is {record.value[:-5]}, not {record.value}" in self.show(here, "acme", host)
        here.publish(proof(domain), "cut 1 IN A 127.0.0.1")
        assert "Issued" in self.verify(here, "acme", host)

    def test_a_record_under_a_doubled_name(self, here: World) -> None:
        host, domain = added(here, "doubled")
        record = domain.status.records[0]
        here.publish(f'{record.name}.{CUSTOMERS}. 1 IN TXT "{record.value}"')
        assert f"TXT {record.name} is not there" in self.show(here, "acme", host)
        assert here.ask(record.name, "TXT", CUSTOMER) == []
        assert here.ask(f"{record.name}.{CUSTOMERS}", "TXT", CUSTOMER) == [f'"{record.value}"']
        here.publish(proof(domain), "doubled 1 IN A 127.0.0.1")
        assert "Issued" in self.verify(here, "acme", host)

    def test_a_name_that_another_tenant_has(self, here: World) -> None:
        host, mine = added(here, "contested")
        _, other = added(here, "contested", "globex")
        both = (proof(mine), proof(other), "contested 1 IN A 127.0.0.1")
        here.publish(proof(other), "contested 1 IN A 127.0.0.1")
        here.until("globex", host, "Issued", seconds=SLOW)
        here.publish(*both)
        assert "verified by another tenant" in here.until("acme", host, "Failed", seconds=SLOW).status.reason
        selector = f"--field-selector=metadata.name={host}"
        columns = "jsonpath={range .items[?(@.status.verifiedAt)]}{.metadata.namespace}{end}"
        assert here.kubectl("get", "domains.groundwork.internal", "-A", selector, "-o", columns) == "globex"
        here.remove("globex", host)
        assert "Issued" in self.verify(here, "acme", host)

    def test_whether_the_name_leads_to_the_gateway_and_who_leads(self, here: World) -> None:
        answer = get("/.well-known/acme-challenge/test")
        assert (answer.status_code, answer.text) == (404, "not found")
        lease = ("get", "lease", "domains-operator", "-n", "groundwork-domains")
        assert here.kubectl(*lease, "-o", "jsonpath={.spec.holderIdentity}")


def test_certificates_are_renewed_before_they_end(here: World) -> None:
    """Of short certificates, one after another, the gateway always has one that is valid."""
    host, _ = issued(here, "renewed")
    # Renewed at two thirds of its life: the last third is enough for that on a busy machine too.
    here.pebble(life_seconds=90)
    here.kubectl("delete", "secret", f"domain-{host}", "-n", "groundwork-gateway")
    seen: dict[int, x509.Certificate] = {}

    def three() -> bool:
        data = here.secret(f"domain-{host}")
        if "tls.crt" in data:
            found = certificate(here, f"domain-{host}")
            seen[found.serial_number] = found
        return len(seen) >= 3

    assert wait_until(three, 4 * SLOW)
    ordered = sorted(seen.values(), key=lambda each: each.not_valid_before_utc)
    for old, new in pairwise(ordered):
        assert new.not_valid_before_utc < old.not_valid_after_utc


def test_the_customers_server_was_really_asked(here: World) -> None:
    """What the tests above rest on: the customer's zone is served by another server than ours."""
    assert here.ask(CUSTOMERS, "SOA") == []
    assert here.ask(CUSTOMERS, "SOA", CUSTOMER) != []
