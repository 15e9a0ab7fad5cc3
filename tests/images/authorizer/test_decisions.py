"""Who passes and who does not: the authorizer and OPA as they run in the pod, asked as Envoy asks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from components.platform.keys import Key
from tests.images.authorizer.samples import CREATED, HOST, ISSUER, domain_object, key_object, tenant_object
from tests.images.authorizer.world import Signer, World, key_set, world

pytestmark = pytest.mark.engine

SIGNERS = (Signer.rs256(), Signer.es256(), Signer.eddsa())
STRANGER = Signer.rs256()
LONG_AGO, FAR_AWAY = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
KEYS = {name: Key.new() for name in ("good", "limited", "agent", "domain", "elsewhere", "expired", "ended", "globex")}


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    with world() as made:
        issuer = {"issuer": ISSUER, "audiences": ["agents", "tools"], "jwks": key_set(*SIGNERS)}
        other = {"issuer": "https://second.example.com", "audiences": ["agents"], "jwks": key_set(STRANGER)}
        made.objects.put(tenant_object("acme", issuers=[issuer, other], rateLimit={"requestsPerSecond": 50}))
        made.objects.put(tenant_object("globex"))
        made.objects.put(tenant_object("suspended", suspended={"reason": "the bill of May is open"}))
        made.objects.put(domain_object("chat.example.com"))
        for body in (
            key_object(KEYS["good"]),
            key_object(KEYS["limited"], rateLimit={"requestsPerSecond": 5}),
            key_object(KEYS["agent"], scope={"agents": ["analyst"]}),
            key_object(KEYS["domain"], scope={"domain": "chat.example.com"}),
            key_object(KEYS["elsewhere"], scope={"environment": "prod"}),
            key_object(KEYS["expired"], expiresAt=LONG_AGO),
            key_object(KEYS["ended"], graceUntil=LONG_AGO),
            key_object(KEYS["globex"], "globex"),
        ):
            made.objects.put(body)
        made.until("allowed", KEYS["good"].text)
        yield made


def refused(running: World, text: str, status: int, reason: str) -> None:
    answer = running.bearer(text)
    assert (answer.status, answer.reason) == (status, reason), answer
    assert answer.body["type"] == reason
    assert answer.body["request_id"] == "request-1"
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="acme", error="invalid_token"'


def test_a_key_passes_and_the_agent_learns_who_it_is(running: World) -> None:
    answer = running.bearer(KEYS["good"].text)
    assert answer.status == 200
    assert answer.headers == {
        "x-tenant-id": "acme",
        "x-agent-name": "concierge",
        "x-principal": f"key:{KEYS['good'].id}",
    }
    assert running.ask(x_api_key=KEYS["good"].text).status == 200


def test_forged_headers_are_dropped(running: World) -> None:
    answer = running.bearer(KEYS["good"].text, x_tenant_id="globex", x_tenant_role="admin", x_principal="key:root")
    assert answer.status == 200
    assert answer.headers["x-tenant-id"] == "acme"
    assert answer.headers["x-principal"] == f"key:{KEYS['good'].id}"
    assert answer.removed == {"x-tenant-role", "authorization"}


def test_limits_are_told_in_envoys_form(running: World) -> None:
    tenant = {"requests_per_unit": 50.0, "unit": "SECOND"}
    assert running.bearer(KEYS["good"].text).metadata["limits"] == {"tenant": tenant}
    found = running.bearer(KEYS["limited"].text).metadata
    assert found["limits"] == {"tenant": tenant, "key": {"requests_per_unit": 5.0, "unit": "SECOND"}}
    assert (found["tenant"], found["key"], found["agent"]) == ("acme", KEYS["limited"].id, "concierge")


def test_no_credential(running: World) -> None:
    answer = running.ask()
    assert (answer.status, answer.reason) == (401, "no_credential")
    assert answer.headers["www-authenticate"] == 'Bearer realm="acme"'


def test_a_host_that_is_not_the_connections_name(running: World) -> None:
    for sni in ("globex.groundwork.test", "", "acme.groundwork.test.evil"):
        answer = running.bearer(KEYS["good"].text, sni=sni)
        assert (answer.status, answer.reason) == (421, "misdirected_request")
    assert running.ask(host=f"{HOST.upper()}:443", sni=HOST, authorization=f"Bearer {KEYS['good'].text}").status == 200


def test_a_host_of_nobody(running: World) -> None:
    answer = running.bearer(KEYS["good"].text, host="nobody.groundwork.test")
    assert (answer.status, answer.reason) == (404, "unknown_host")


def test_paths(running: World) -> None:
    assert running.bearer(KEYS["good"].text, path="/").reason == "unknown_path"
    assert running.bearer(KEYS["good"].text, path="/agents/concierge/../analyst/").reason == "ambiguous_path"
    assert running.bearer(KEYS["agent"].text, path="/agents/concierge/%2e%2e/analyst/").status == 400


def test_a_suspended_tenant_says_why(running: World) -> None:
    answer = running.ask(host="suspended.groundwork.test")
    assert (answer.status, answer.reason) == (403, "tenant_suspended")
    assert answer.body["message"] == "the bill of May is open"


@pytest.mark.parametrize(("name", "reason"), [("expired", "expired_key"), ("ended", "rotated_key")])
def test_keys_that_are_over(running: World, name: str, reason: str) -> None:
    refused(running, KEYS[name].text, 401, reason)


def test_keys_that_never_were(running: World) -> None:
    refused(running, Key.new().text, 401, "unknown_key")
    refused(running, Key(id=KEYS["good"].id, secret=Key.new().secret).text, 401, "unknown_key")
    refused(running, KEYS["globex"].text, 401, "unknown_key")  # another tenant's key is none here
    refused(running, KEYS["good"].text[:-1], 401, "invalid_credential")


def test_scopes(running: World) -> None:
    assert running.bearer(KEYS["agent"].text, path="/agents/analyst/v1/invoke").status == 200
    refused(running, KEYS["agent"].text, 403, "out_of_scope")
    assert running.bearer(KEYS["domain"].text, host="chat.example.com").status == 200
    refused(running, KEYS["domain"].text, 403, "out_of_scope")
    refused(running, KEYS["elsewhere"].text, 403, "out_of_scope")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_good_tokens_pass(running: World, signer: Signer) -> None:
    for audience in ("agents", ["other", "tools"]):
        answer = running.bearer(signer.token(aud=audience))
        assert answer.status == 200, answer
        assert answer.headers["x-principal"] == "token:alice"
    assert running.bearer(STRANGER.token(iss="https://second.example.com")).status == 200


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "when it ends"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iss": "https://evil.example.com"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "others"}, "audience"),
        ({"aud": None}, "audience"),
        ({"sub": None}, "for whom"),
        ({"sub": ""}, "for whom"),
    ],
    ids=str,
)
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_tokens_with_wrong_claims(running: World, signer: Signer, change: dict[str, object], why: str) -> None:
    text = signer.token(**change)
    refused(running, text, 401, "invalid_token")
    assert why in running.bearer(text).body["message"]


def test_a_token_without_a_signature(running: World) -> None:
    header, payload, signature = SIGNERS[0].token().split(".")
    for algorithm in ("none", "None", "NONE", ""):
        forged = encoded({"alg": algorithm, "typ": "JWT"})
        for text in (f"{forged}.{payload}.", f"{forged}.{payload}.{signature}", f"{forged}.{payload}"):
            refused(running, text, 401, "invalid_token")
    refused(running, f"{header}.{payload}.", 401, "invalid_token")


def test_a_public_key_is_no_shared_secret(running: World) -> None:
    """The forgery by which a verifier takes the issuer's public key for an HMAC secret."""
    payload = SIGNERS[0].token().split(".")[1]
    public = SIGNERS[0].key.public_key()
    secrets = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key_set(*SIGNERS)).encode(),
    ]
    for secret in secrets:
        signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{payload}"
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
        refused(running, f"{signed}.{signature}", 401, "invalid_token")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_tampered_tokens(running: World, signer: Signer) -> None:
    header, payload, signature = signer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    middle = len(signature) // 2
    flipped = signature[:middle] + ("A" if signature[middle] != "A" else "B") + signature[middle + 1 :]
    for text in (
        f"{header}.{encoded(claims | {'sub': 'mallory'})}.{signature}",
        f"{header}.{payload}.{flipped}",
        f"{header}.{payload}.{signature[:-4]}",
        f"{encoded({'alg': signer.algorithm, 'kid': 'another'})}.{payload}.{signature}",
    ):
        refused(running, text, 401, "invalid_token")


def test_tokens_signed_by_others(running: World) -> None:
    refused(running, STRANGER.token(), 401, "invalid_token")
    same_name = Signer.rs256()  # the issuer's own key id
    refused(running, same_name.token(), 401, "invalid_token")
    brought = jwt.encode(
        {"iss": ISSUER, "aud": "agents", "sub": "alice", "exp": int(time.time()) + 600},
        STRANGER.key,
        algorithm="RS256",
        headers={"jwk": STRANGER.public, "jku": "https://evil.example.com/keys"},
    )
    refused(running, brought, 401, "invalid_token")


def test_another_tenant_does_not_take_the_token(running: World) -> None:
    answer = running.bearer(SIGNERS[0].token(), host="globex.groundwork.test")
    assert (answer.status, answer.reason) == (401, "invalid_token")


def test_a_token_that_narrows_itself(running: World) -> None:
    assert running.bearer(SIGNERS[0].token(tenant="acme", agents=["concierge"])).status == 200
    refused(running, SIGNERS[0].token(tenant="globex"), 403, "out_of_scope")
    refused(running, SIGNERS[0].token(agents=["analyst"]), 403, "out_of_scope")


@pytest.mark.parametrize(
    "text", ["a", "a.b.c", "....", "e30.e30.e30", "eyJhbGciOiJSUzI1NiJ9..", "\x00", "ä.ö.ü", "A" * 16_000]
)
def test_rubbish(running: World, text: str) -> None:
    assert running.bearer(text).status == 401


def test_a_principal_cannot_break_out_of_its_header(running: World) -> None:
    answer = running.bearer(SIGNERS[1].token(sub="a\r\nx-tenant-id: globex é"))
    assert answer.status == 200
    assert answer.headers["x-principal"] == "token:a%0D%0Ax-tenant-id:%20globex%20%C3%A9"


def test_a_key_in_its_last_moment(running: World) -> None:
    key = Key.new()
    ends = time.time() + 3
    grace = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(ends) + 1)) + "Z"
    running.objects.put(key_object(key, graceUntil=grace))
    running.until("allowed", key.text)
    running.until("rotated_key", key.text)
    assert time.time() >= int(ends) + 1


def test_revoked_within_five_seconds_though_its_answer_was_remembered(running: World) -> None:
    key = Key.new()
    running.objects.put(key_object(key))
    running.until("allowed", key.text)
    for _ in range(50):
        running.bearer(key.text)
    running.objects.put(key_object(key, revoked={"at": CREATED, "reason": "leaked"}))
    assert running.until("revoked_key", key.text) < 5
    (entry,) = [line for line in running.entries("refused") if line["credential"] == f"key:{key.id}"]
    assert (entry["reason"], entry["tenant"], entry["agent"]) == ("revoked_key", "acme", "concierge")


def test_no_secret_is_ever_written(running: World) -> None:
    for key in KEYS.values():
        running.bearer(key.text)
    token = SIGNERS[0].token(aud="others")
    running.ask(path="/agents/concierge/?api_key=in-the-query", authorization=f"Bearer {token}")
    text = running.log.read_text("utf-8")
    assert len(running.entries("refused")) > 5
    assert len(running.entries("key first used")) >= 3
    for secret in (*(key.secret for key in KEYS.values()), token.split(".")[2], "in-the-query"):
        assert secret not in text


def encoded(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
