"""Who is let through the real gateway: tokens, keys, their ends, and what happens while the authorizer is replaced."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from components.mesh.names import GATEWAY_NAMESPACE
from groundwork.waiting import wait_until
from tests.cluster.authority import authority
from tests.cluster.gateway import CHEAP, OWN_ECHO, SETTLED, Caller, Guest, guests
from tests.cluster.inside import inside
from tests.cluster.node import SETTINGS, kubectl
from tests.command import groundwork, succeeded
from tests.images.authorizer.samples import ISSUER, Object
from tests.images.authorizer.world import Signer, key_set

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

SIGNER, STRANGER = Signer.rs256(), Signer.rs256()
HEARD_SECONDS = 5.0


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ca") / "ca.crt")


@pytest.fixture(scope="module")
def tenants(ca: Path) -> Iterator[dict[str, Guest]]:
    with guests({"access": 1000, "other": 1000}, ca, OWN_ECHO) as made:
        issuer = {"issuer": ISSUER, "audiences": ["agents"], "jwks": key_set(SIGNER)}
        change_tenant(made["access"], {"issuers": [issuer]})
        assert wait_until(partial(everywhere, made["access"], SIGNER.token(), 200), SETTLED)
        yield made


@pytest.fixture
def guest(tenants: dict[str, Guest]) -> Guest:
    return tenants["access"]


def change_tenant(guest: Guest, spec: Object) -> None:
    patch = json.dumps({"spec": spec})
    kubectl("patch", "tenants.groundwork.internal", guest.name, "-n", guest.name, "--type=merge", "-p", patch)


def bearer(guest: Guest, text: str, path: str = CHEAP) -> httpx.Response:
    return caller(guest, text).ask(path)


def caller(guest: Guest, text: str) -> Caller:
    return replace(guest.caller, headers={"authorization": f"Bearer {text}"})


def reason(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["type"])


def everywhere(guest: Guest, text: str, status: int) -> bool:
    """Whether ten requests in a row, each on its own connection, have this answer: both authorizers know."""
    return all(bearer(guest, text).status_code == status for _ in range(10))


def key(guest: Guest, *words: str) -> dict[str, str]:
    """`groundwork key …` for the cluster under test."""
    names = (guest.name,) if words[0] == "create" else ()
    command = ["key", words[0], *names, *words[1:], "--json", "--kubeconfig", str(SETTINGS.kubeconfig)]
    made: dict[str, str] = json.loads(succeeded(groundwork(*command)))
    return made


def test_a_token_opens_its_tenant_and_the_agent_learns_whose_it_is(guest: Guest) -> None:
    seen = bearer(guest, SIGNER.token(), "/agents/concierge/v1/invoke").json()
    assert (seen["x-tenant-id"], seen["x-principal"]) == (guest.name, "token:alice")
    assert "authorization" not in seen


@pytest.mark.parametrize(
    "text",
    [
        SIGNER.token(exp=int(time.time()) - 10),
        SIGNER.token(iss="https://evil.example.com"),
        SIGNER.token(aud="others"),
        SIGNER.token(nbf=int(time.time()) + 3600),
        STRANGER.token(),
        "eyJhbGciOiJub25lIn0." + SIGNER.token().split(".")[1] + ".",
        SIGNER.token()[:-8] + "AAAAAAAA",
        SIGNER.token().replace(".", ".e", 1),
    ],
    ids=["expired", "issuer", "audience", "not yet", "stranger", "alg none", "signature", "tampered"],
)
def test_wrong_tokens_are_refused(guest: Guest, text: str) -> None:
    answer = bearer(guest, text)
    assert (answer.status_code, reason(answer)) == (401, "invalid_token")
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_another_tenants_key_and_token_are_none_here(tenants: dict[str, Guest]) -> None:
    for text in (tenants["access"].key.text, SIGNER.token()):
        assert bearer(tenants["other"], text).status_code == 401


def test_a_leaked_key_is_refused_within_five_seconds(guest: Guest) -> None:
    """docs/runbooks/leaked-api-key.md"""
    leaked = key(guest, "create", "--agent", "concierge")
    assert wait_until(partial(everywhere, guest, leaked["key"], 200), SETTLED)
    key(guest, "revoke", leaked["id"], "--reason", "in a public log")
    began = time.monotonic()
    passed = [began]  # when the requests were sent that were not refused

    def refused() -> bool:
        """As `everywhere`: what counts is when a request is sent, not how long a slow machine takes for ten."""
        for _ in range(10):
            sent = time.monotonic()
            if bearer(guest, leaked["key"]).status_code != 401:
                passed.append(sent)
                return False
        return True

    assert wait_until(refused, SETTLED)
    assert passed[-1] - began < HEARD_SECONDS
    assert reason(bearer(guest, leaked["key"])) == "revoked_key"
    pods = ("-l", "app.kubernetes.io/name=authorizer", "-c", "authorizer")
    logs = kubectl("logs", "-n", GATEWAY_NAMESPACE, *pods, "--tail=-1").stdout  # with -l, ten lines if nothing is said
    assert any(f'"credential":"key:{leaked["id"]}"' in line and "revoked_key" in line for line in logs.splitlines())
    assert leaked["key"].rpartition("_")[2] not in logs


def test_a_rotated_key_works_in_its_grace_and_not_after_it(guest: Guest) -> None:
    old = key(guest, "create")
    assert wait_until(partial(everywhere, guest, old["key"], 200), SETTLED)
    ends = datetime.now(UTC) + timedelta(seconds=15)
    new = key(guest, "rotate", old["id"], "--grace", "15s")
    assert wait_until(partial(everywhere, guest, new["key"], 200), SETTLED)
    if datetime.now(UTC) < ends:
        assert bearer(guest, old["key"]).status_code == 200
    assert wait_until(partial(everywhere, guest, old["key"], 401), 60)
    assert datetime.now(UTC) >= ends
    assert reason(bearer(guest, old["key"])) == "rotated_key"
    assert bearer(guest, new["key"]).status_code == 200


def test_a_key_opens_only_its_agents(guest: Guest) -> None:
    made = key(guest, "create", "--agent", "analyst")
    assert wait_until(partial(everywhere, guest, made["key"], 403), SETTLED)
    assert reason(bearer(guest, made["key"])) == "out_of_scope"


def test_uses_are_counted(guest: Guest) -> None:
    made = key(guest, "create")
    assert wait_until(partial(everywhere, guest, made["key"], 200), SETTLED)
    for _ in range(20):
        assert bearer(guest, made["key"]).status_code == 200
    # These, and the ten by which both authorizers were seen to know the key.
    assert wait_until(lambda: int(key(guest, "show", made["id"])["requests"]) >= 30, 60)


def test_a_suspended_tenant_says_why_and_comes_back(tenants: dict[str, Guest]) -> None:
    guest = tenants["other"]
    with suspended(guest, "the bill of May is open"):
        assert wait_until(partial(everywhere, guest, guest.key.text, 403), SETTLED)
        answer = guest.caller.ask(CHEAP)
        assert reason(answer) == "tenant_suspended"
        assert answer.json()["error"]["message"] == "the bill of May is open"
    assert wait_until(partial(everywhere, guest, guest.key.text, 200), SETTLED)


@contextmanager
def suspended(guest: Guest, why: str) -> Iterator[None]:
    change_tenant(guest, {"suspended": {"reason": why}})
    try:
        yield
    finally:
        change_tenant(guest, {"suspended": None})


# Ends with 0 where something answers.
ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as made:
    made.settimeout(5)
    made.sendall(sys.argv[3].encode().decode("unicode_escape").encode())
    sys.exit(not made.recv(1))
"""


def test_only_the_gateway_asks_the_authorizer(guest: Guest) -> None:
    """A pod of a tenant, in the mesh, gets no answer from it; from its own service it does."""

    def answered(host: str, port: int, words: str) -> bool:
        command = ("python3", "-c", ASK, host, str(port), words)
        return inside(guest.name, "echo", "echo", *command).returncode == 0

    assert answered("127.0.0.1", 8080, r"GET / HTTP/1.1\r\nhost: echo\r\n\r\n")
    assert not answered("authorizer.groundwork-gateway.svc", 9000, r"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def test_the_authorizer_is_replaced_and_no_request_fails(guest: Guest) -> None:
    kubectl("rollout", "restart", "deployment/authorizer", "-n", GATEWAY_NAMESPACE)
    statuses: list[int] = []
    rolled = partial(kubectl, "rollout", "status", "deployment/authorizer", "-n", GATEWAY_NAMESPACE, "--watch=false")

    def asked() -> bool:
        statuses.append(guest.caller.ask(CHEAP).status_code)
        return "successfully rolled out" in rolled().stdout

    assert wait_until(asked, 300)
    statuses += [guest.caller.ask(CHEAP).status_code for _ in range(50)]
    assert set(statuses) == {200}
    assert len(statuses) > 60


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hash": "0" * 64}, "the hash cannot be changed"),
        ({"scope": {"agents": ["analyst"]}}, "the scope cannot be changed"),
        ({"revoked": None}, "stays revoked"),
        ({"expiresAt": "2000-01-01T00:00:00Z"}, "expiresAt must be after createdAt"),
        ({"rateLimit": {"requestsPerSecond": 0}}, "greater than or equal to 1"),
    ],
    ids=["hash", "scope", "revoked", "expires", "limit"],
)
def test_the_api_server_holds_a_key_to_its_rules(revoked: str, guest: Guest, change: Object, says: str) -> None:
    patch = json.dumps({"spec": change})
    kind = "apikeys.groundwork.internal"
    done = kubectl("patch", kind, revoked, "-n", guest.name, "--type=merge", "-p", patch, check=False)
    assert done.returncode != 0
    assert says in done.stderr


@pytest.fixture(scope="module")
def revoked(tenants: dict[str, Guest]) -> str:
    """The id of a key that is revoked."""
    made = key(tenants["access"], "create")
    return key(tenants["access"], "revoke", made["id"], "--reason", "a test")["id"]
