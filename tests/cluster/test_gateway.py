"""The gateway on the running cluster: what comes in, what does not, what an agent sees of it, and how often."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from components.gateway.edge import Limits
from components.mesh.names import GATEWAY_NAMESPACE
from tests.cluster.authority import authority
from tests.cluster.gateway import ADDRESS, CHEAP, OWN_ECHO, Guest, guests
from tests.cluster.limits_bench import RATES, load
from tests.cluster.node import kubectl
from tests.load import send

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

LIMITS = Limits()
SETTINGS = 4  # the HTTP/2 frame that each side begins with


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ca") / "ca.crt")


@pytest.fixture(scope="module")
def tenants(ca: Path) -> Iterator[dict[str, Guest]]:
    with guests(RATES, ca) as made:
        yield made


@pytest.fixture
def guest(tenants: Mapping[str, Guest]) -> Guest:
    return tenants["calm"]


def secure(maximum: ssl.TLSVersion, ciphers: str, ca: Path) -> ssl.SSLContext:
    """A client that speaks no newer TLS than `maximum`, and only these ciphers up to TLS 1.2."""
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, maximum
    context.set_ciphers(ciphers)
    return context


def handshake(context: ssl.SSLContext, host: str) -> str | None:
    """The version that was agreed on."""
    plain = socket.create_connection((ADDRESS, 443), timeout=10)
    with context.wrap_socket(plain, server_hostname=host) as spoken:
        return spoken.version()


def test_plain_http_is_only_sent_to_https(guest: Guest) -> None:
    answer = httpx.get(f"http://{ADDRESS}{CHEAP}", headers={"host": guest.host, **guest.headers}, timeout=15)
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{guest.host}{CHEAP}"


def test_tls_1_2_is_the_oldest_that_is_spoken(guest: Guest) -> None:
    assert handshake(secure(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM", guest.ca), guest.host) == "TLSv1.2"
    for old in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(secure(old, "ALL:@SECLEVEL=0", guest.ca), guest.host)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(guest: Guest, ciphers: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(secure(ssl.TLSVersion.TLSv1_2, f"{ciphers}:@SECLEVEL=0", guest.ca), guest.host)


def test_http_2_is_spoken(guest: Guest) -> None:
    context = ssl.create_default_context(cafile=str(guest.ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection((ADDRESS, 443), timeout=10)
    with context.wrap_socket(plain, server_hostname=guest.host) as spoken:
        assert spoken.selected_alpn_protocol() == "h2"
        spoken.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]))
        assert spoken.recv(9)[3] == SETTINGS


def test_an_answer_carries_the_security_headers_and_says_nothing_of_the_server(guest: Guest) -> None:
    for caller in (guest.caller, replace(guest.caller, headers={})):
        answer = caller.ask(CHEAP)
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
        assert not [name for name in answer.headers if name == "server" or name.startswith("x-envoy-")]


def test_no_credential_no_answer(guest: Guest) -> None:
    answer = replace(guest.caller, headers={}).ask(CHEAP)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "no_credential"


def test_a_host_that_is_nobodys_is_refused(guest: Guest) -> None:
    assert replace(guest.caller, host="gwt-nobody.groundwork.test").ask(CHEAP).status_code in {401, 403, 404}


def test_the_name_in_tls_must_be_the_host(tenants: Mapping[str, Guest]) -> None:
    assert replace(tenants["calm"].caller, sni=tenants["busy"].host).ask(CHEAP).status_code == 421


def test_a_body_that_is_too_large_is_refused(guest: Guest) -> None:
    answer = guest.caller.ask(CHEAP, b"x" * (2 * LIMITS.body_bytes))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-long": "x" * (LIMITS.header_kib + 1) * 1024},
        {f"x-many-{number}": "x" for number in range(LIMITS.headers + 1)},
    ],
)
def test_headers_that_are_too_large_or_too_many_are_refused(guest: Guest, headers: dict[str, str]) -> None:
    answer = replace(guest.caller, headers=guest.headers | headers).ask(CHEAP)
    assert answer.status_code == 431
    assert answer.json()["error"]["type"] == "headers_too_large"


def test_what_only_the_platform_says_is_never_the_callers(ca: Path) -> None:
    forged = {"x-tenant-id": "acme", "x-tenant-plan": "gold", "x_tenant_id": "acme", "x-agent-name": "other"}
    with guests({"echo": 50}, ca, OWN_ECHO) as made:
        guest = made["echo"]
        seen = replace(guest.caller, headers=guest.headers | forged).ask("/agents/concierge/v1/invoke").json()
    assert seen["x-tenant-id"] == guest.name
    assert seen["x-agent-name"] == "concierge"
    assert {name for name in seen if "tenant" in name} == {"x-tenant-id"}
    assert "x-api-key" not in seen


@pytest.mark.parametrize("path", ["/agents/concierge/..%2fhealthz", "/agents/concierge%5chealthz"])
def test_escaped_slashes_are_refused(guest: Guest, path: str) -> None:
    assert guest.caller.ask(path).status_code == 400


def test_a_tenant_over_its_limit_is_refused_and_one_below_it_is_not(tenants: Mapping[str, Guest]) -> None:
    """How exact the limits are is `make bench`'s: it depends on what else the machine does."""
    reports = load({"busy": 10 * RATES["busy"], "calm": RATES["calm"] / 2}, tenants)
    assert set(reports["calm"].statuses) == {"200"}, reports["calm"].errors
    assert set(reports["busy"].statuses) == {"200", "429"}, reports["busy"].errors
    assert reports["busy"].statuses["429"] > reports["busy"].statuses["200"] > 0


def test_a_flood_without_a_credential_is_refused_before_the_authoriser_is_asked(tenants: Mapping[str, Guest]) -> None:
    """What is asked says 401; what each pod's bucket refuses says 429."""
    busy = tenants["busy"]
    flood = busy.plan(rate=20 * busy.requests_per_second, seconds=4, warm=0, start=time.time() + 1)
    report = asyncio.run(send(replace(flood, headers={})))
    assert set(report.statuses) == {"401", "429"}, report.errors
    # How many exactly depends on how long the machine takes, and on whether the gateway is told anything meanwhile.
    assert report.statuses["429"] > report.statuses["401"] > 0


def test_a_name_that_is_nobodys_spends_from_a_bucket_of_its_own(guest: Guest) -> None:
    """Before the authoriser is asked about it; a tenant's requests do not spend from that one."""
    before = counted("others")
    assert guest.caller.ask(CHEAP).status_code == 200
    assert counted("others") == before
    nobody = replace(guest.caller, host="nobody-has-this.groundwork.test")
    assert nobody.ask(CHEAP).status_code == 404
    assert counted("others") == before + 1


def gateway_pods() -> list[str]:
    names = "jsonpath={.items[*].metadata.name}"
    return kubectl("get", "pods", "-n", GATEWAY_NAMESPACE, "-l", "istio=gateway", "-o", names).stdout.split()


def counted(bucket: str) -> int:
    """How many requests were held against this bucket, by Envoy's own count, in all gateway pods."""
    words = ("pilot-agent", "request", "GET", f"stats?filter=^{bucket}.http_local_rate_limit.enabled$")
    answers = [kubectl("exec", "-n", GATEWAY_NAMESPACE, pod, "--", *words).stdout for pod in gateway_pods()]
    return sum(int(answer.rpartition(":")[2]) for answer in answers if answer.strip())
