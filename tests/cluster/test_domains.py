"""Names on the running environment: real zone servers, certificates that a client trusts, a tenant's own domain.

Every name is asked of the zone servers, as a client whose resolver knows them would; no name is looked up in a file.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import httpx
import pytest

from components.domains.names import NAMESPACE
from groundwork.waiting import wait_until
from local.paths import Paths
from tests.cluster.node import kubectl
from tests.command import groundwork, succeeded

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

SERVER, PORT = "127.0.0.1", 5353
DOMAIN, HELD = "groundwork.test", "acme-hotels.test"  # Pulumi.local.yaml
HOST = f"agents.{HELD}"
PATH = "/agents/concierge/healthz"


@pytest.fixture(scope="module")
def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=succeeded(groundwork("domain", "ca")).strip())


@pytest.fixture(scope="module")
def key(trust: ssl.SSLContext) -> Iterator[str]:
    """One that both authorizers have heard of: ten requests in a row pass, each on a connection of its own."""
    made = json.loads(succeeded(groundwork("key", "create", "acme", "--expires", "1h", "--json")))
    assert wait_until(lambda: all(answers(f"acme.{DOMAIN}", trust, made["key"]) for _ in range(10)), 60)
    yield made["key"]
    succeeded(groundwork("key", "revoke", made["id"], "--reason", "the test is over"))


@pytest.fixture
def own() -> Iterator[str]:
    """A domain of acme's own, in the zone that the environment keeps for it."""
    groundwork("domain", "remove", "acme", HOST, "--yes")
    succeeded(groundwork("domain", "add", "acme", HOST))
    yield HOST
    groundwork("domain", "remove", "acme", HOST, "--yes")


def asked(name: str, kind: str = "A", *, tcp: bool = False) -> dns.message.Message:
    question = dns.message.make_query(f"{name}.", dns.rdatatype.from_text(kind))
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(question, SERVER, timeout=5, port=PORT)


def addresses(name: str) -> list[str]:
    return [row.to_text() for rows in asked(name).answer for row in rows]


def get(host: str, trust: ssl.SSLContext, key: str) -> httpx.Response:
    """As a client does it: the address by DNS, the certificate for the name, the request for the host."""
    (address,) = addresses(host)
    with httpx.Client(verify=trust, timeout=15) as client:
        headers = {"host": host, "x-api-key": key}
        return client.get(f"https://{address}{PATH}", headers=headers, extensions={"sni_hostname": host})


def answers(host: str, trust: ssl.SSLContext, key: str) -> bool:
    try:
        return get(host, trust, key).status_code == 200
    except (httpx.HTTPError, dns.exception.Timeout, ValueError):
        return False


@pytest.mark.parametrize("tcp", [False, True])
def test_the_zone_servers_answer_for_our_zones_and_refuse_others(tcp: bool) -> None:
    ours = asked(f"acme.{DOMAIN}", tcp=tcp)
    assert ours.flags & dns.flags.AA
    assert [row.to_text() for rows in ours.answer for row in rows] == ["127.0.0.1"]
    assert asked("example.com", tcp=tcp).rcode() == dns.rcode.REFUSED


def test_no_zone_is_handed_over() -> None:
    question = dns.message.make_query(f"{DOMAIN}.", dns.rdatatype.AXFR)
    answer = dns.query.tcp(question, SERVER, timeout=5, port=PORT)
    assert answer.rcode() != dns.rcode.NOERROR or not answer.answer


def test_a_tenants_name_has_address_and_certificate(trust: ssl.SSLContext, key: str) -> None:
    assert get(f"acme.{DOMAIN}", trust, key).status_code == 200


def test_the_authoritys_key_is_in_its_secret_alone() -> None:
    """In no state, no ConfigMap, and in nothing that a tenant's namespace has."""
    found = json.loads(kubectl("get", "secrets", "-n", NAMESPACE, "-o", "json").stdout)["items"]
    (authority,) = [each for each in found if each["metadata"]["name"] == "authority"]
    body = authority["data"]["tls.key"]
    for file in Paths.for_user().pulumi_state.rglob("*"):
        if file.is_file():
            assert body not in file.read_text("utf-8", "replace")
    configs = kubectl("get", "configmaps", "-A", "-o", "json").stdout
    assert "PRIVATE KEY" not in configs


def test_a_tenants_own_domain_from_added_to_removed(own: str, trust: ssl.SSLContext, key: str) -> None:
    succeeded(groundwork("domain", "verify", "acme", own, "--wait", "120"))
    assert wait_until(lambda: answers(own, trust, key), 60)
    other = get(f"acme.{DOMAIN}", trust, key)
    assert other.status_code == 200  # nothing of the shared names has changed
    succeeded(groundwork("domain", "remove", "acme", own, "--yes"))
    assert wait_until(lambda: addresses(own) == [], 60)
    assert wait_until(lambda: refused(own, trust), 60)


def refused(host: str, trust: ssl.SSLContext) -> bool:
    """Whether TLS for the name comes to nothing at the gateway."""
    try:
        with httpx.Client(verify=trust, timeout=15) as client:
            client.get(f"https://127.0.0.1{PATH}", headers={"host": host}, extensions={"sni_hostname": host})
    except httpx.TransportError:
        return True
    return False


def test_another_tenant_cannot_have_it(own: str) -> None:
    succeeded(groundwork("domain", "verify", "acme", own, "--wait", "120"))
    done = groundwork("domain", "add", "globex", own, "--json")
    try:
        assert json.loads(succeeded(done))["state"] == "Failed"
        assert groundwork("domain", "verify", "globex", own, "--wait", "5").returncode == 99
    finally:
        groundwork("domain", "remove", "globex", own, "--yes")


def test_names_go_on_while_the_leading_pod_goes() -> None:
    leads = kubectl("get", "lease", "domains-operator", "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}").stdout
    kubectl("delete", "pod", leads.rpartition("-")[0], "-n", NAMESPACE, "--wait=false")
    failed: list[str] = []

    def another_leads() -> bool:
        try:
            if addresses(f"acme.{DOMAIN}") != ["127.0.0.1"]:
                failed.append("no address")
        except dns.exception.Timeout:
            failed.append("no answer")
        now = kubectl("get", "lease", "domains-operator", "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}")
        return now.stdout != leads

    assert wait_until(another_leads, 120)
    assert failed == []
    kubectl("rollout", "status", "deployment/domains", "-n", NAMESPACE, "--timeout=120s")


def test_the_certificate_is_written_where_the_command_says() -> None:
    text = Path(succeeded(groundwork("domain", "ca")).strip()).read_text()
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE" not in text
