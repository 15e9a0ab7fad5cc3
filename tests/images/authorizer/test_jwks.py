"""Keys of issuers: fetched when needed, not more often, and kept when the issuer is away."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from authorizer import jwks
from authorizer.jwks import KeySets, named
from components.platform.specs import Issuer, Tenant
from tests.images.authorizer.samples import ISSUER, tenant


@dataclass
class Provider:
    """An identity provider that can be slow, away, or strange."""

    key_ids: list[str] = field(default_factory=lambda: ["one"])
    asked: int = 0
    seconds: float = 0.0
    status: int = 200
    body: bytes | None = None
    uri: str = ""

    async def keys(self, _request: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.status == 302:
            raise web.HTTPFound("/elsewhere")
        text = json.dumps({"keys": [{"kid": key_id, "kty": "RSA"} for key_id in self.key_ids]}).encode()
        return web.Response(body=text if self.body is None else self.body, status=self.status)


@dataclass
class World:
    provider: Provider
    sets: KeySets
    tenant: Tenant
    changes: list[int]

    async def ids(self, key_id: str, issuer: str = ISSUER) -> set[str] | None:
        found = await self.sets.of(self.tenant, token(issuer, key_id))
        return {key["kid"] for key in json.loads(found[issuer])["keys"]} if issuer in found else None


def token(issuer: object, key_id: object) -> str:
    parts = ({"alg": "RS256", "kid": key_id}, {"iss": issuer})
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts), "s"]
    )


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    provider, changes = Provider(), []
    app = web.Application()
    app.router.add_get("/keys", provider.keys)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.uri = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    # Not through validation: only https can be written into an object.
    issuers = [
        Issuer.model_construct(issuer=ISSUER, audiences=["agents"], jwks=None, jwks_uri=provider.uri),
        Issuer.model_construct(
            issuer="https://inline.example.com", audiences=["agents"], jwks={"keys": [{"kid": "i"}]}
        ),
    ]
    plain = tenant()
    whose = plain.model_copy(update={"spec": plain.spec.model_copy(update={"issuers": issuers})})
    async with aiohttp.ClientSession() as http:
        yield World(provider, KeySets(http=http, changed=lambda: changes.append(1)), whose, changes)
    await runner.cleanup()


def run(check: Callable[[World], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with world() as made:
            await check(made)

    asyncio.run(whole())


def test_keys_are_fetched_once_for_many() -> None:
    async def check(made: World) -> None:
        assert await asyncio.gather(*(made.ids("one") for _ in range(20))) == [{"one"}] * 20
        assert made.provider.asked == 1
        assert made.changes == []

    run(check)


def test_keys_in_the_object_are_not_fetched() -> None:
    async def check(made: World) -> None:
        assert await made.ids("i", "https://inline.example.com") == {"i"}
        assert await made.ids("one", "https://unknown.example.com") is None
        assert made.provider.asked == 0

    run(check)


def test_a_key_that_is_new_is_fetched_but_a_made_up_one_not_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(made: World) -> None:
        await made.ids("one")
        made.provider.key_ids = ["two"]
        for _ in range(10):
            assert await made.ids("two") == {"one"}  # asked for just now: not again so soon
        assert made.provider.asked == 1
        monkeypatch.setattr(jwks, "LEAST_AGE_SECONDS", 0.0)
        assert await made.ids("two") == {"two"}
        assert made.provider.asked == 2
        assert made.changes == [1]

    run(check)


def test_old_keys_serve_while_new_ones_are_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(made: World) -> None:
        await made.ids("one")
        monkeypatch.setattr(jwks, "MAX_AGE_SECONDS", 0.0)
        monkeypatch.setattr(jwks, "LEAST_AGE_SECONDS", 0.0)
        made.provider.seconds = 60
        async with asyncio.timeout(5):
            assert await made.ids("one") == {"one"}

    run(check)


@pytest.mark.parametrize(
    "strange",
    [
        {"status": 500},
        {"status": 404},
        {"status": 302},
        {"body": b"no JSON"},
        {"body": b"[]"},
        {"body": b'{"keys": 7}'},
        {"body": b'{"keys": ["x"]}'},
        {"body": b" " * (jwks.MAX_BYTES + 1)},
        {"body": b"\xff"},
        {"seconds": 60.0},
    ],
    ids=str,
)
def test_without_keys_there_are_none_and_what_was_had_stays(
    strange: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(jwks, "LEAST_AGE_SECONDS", 0.0)

    async def never_had(made: World) -> None:
        vars(made.provider).update(strange)
        assert await made.ids("one") is None

    async def had_before(made: World) -> None:
        await made.ids("one")
        vars(made.provider).update(strange)
        assert await made.ids("two") == {"one"}
        assert made.provider.asked == 2

    run(never_had)
    run(had_before)


def test_an_issuer_that_is_away_is_not_asked_by_every_request() -> None:
    async def check(made: World) -> None:
        made.provider.status = 500
        for _ in range(10):
            assert await made.ids("one") is None
        assert made.provider.asked == 1

    run(check)


@given(st.text())
def test_any_text_may_come_as_a_token(text: str) -> None:
    issuer, key_id = named(text)
    assert issuer is None or isinstance(issuer, str)
    assert key_id is None or isinstance(key_id, str)


@given(st.text(), st.text())
def test_what_a_token_names(issuer: str, key_id: str) -> None:
    assert named(token(issuer, key_id)) == (issuer, key_id)


@pytest.mark.parametrize("value", [None, 7, [], {}, True])
def test_names_are_text(value: object) -> None:
    assert named(token(value, value)) == (None, None)
