"""What is read of a request, before anything is decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.asked import Kind, asked, credential, host_of
from components.platform.keys import Key
from tests.images.authorizer.samples import seen


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("acme.example", "acme.example"),
        ("ACME.Example:443", "acme.example"),
        ("acme.example.", "acme.example"),
        ("acme.example.:8443", "acme.example"),
        ("[::1]:443", "[::1]"),
        ("", ""),
    ],
)
def test_a_host_has_one_form(authority: str, host: str) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("path", "agent"),
    [
        ("/agents/concierge/v1/invoke", "concierge"),
        ("/agents/concierge", "concierge"),
        ("/agents/concierge/", "concierge"),
        ("/agents/c?x=/agents/other/", "c"),
        ("/agents/", ""),
        ("/agents/Concierge/", ""),
        ("/agents/con%63ierge/v1", ""),
        ("/agents/-a/", ""),
        ("/agents/a-/", ""),
        (f"/agents/{'a' * 51}/", ""),
        ("/v1/agents/concierge/", ""),
        ("", ""),
    ],
)
def test_the_agent_is_what_the_route_will_see(path: str, agent: str) -> None:
    assert asked(seen(path=path)).agent == agent


@pytest.mark.parametrize(
    "path",
    [
        "/agents/a/../b/v1", "/agents/a/./b", "/agents/a/..", "/agents/a/.", "//agents/a", "/agents//a",
        "/agents/a%2fb", "/agents/a%2F..", "/agents/%2e%2e/b", "/agents/a\\b", "/agents/a%5cb", "/agents/a%00",
        "/agents/a b", "agents/a", "", "/agents/a\x7f", "*",
    ],
)  # fmt: skip
def test_a_path_of_two_meanings_is_not_clean(path: str) -> None:
    assert not asked(seen(path=path)).clean


@pytest.mark.parametrize("path", ["/", "/agents/a/v1/x.json", "/agents/a/..b", "/agents/a/v1?next=/../x", "/a%20b"])
def test_an_ordinary_path_is_clean(path: str) -> None:
    assert asked(seen(path=path)).clean


def test_headers_of_the_platform_and_credentials_are_taken_away() -> None:
    found = asked(
        seen(
            x_tenant_id="globex",
            x_tenant="globex",
            x_tenant_role="admin",
            x_agent_name="x",
            x_principal="key:root",
            authorization="Bearer x",
            x_api_key="x",
            accept="*/*",
            x_request_id="1",
            x_tenants="no header of ours",
        )
    )
    assert set(found.forged) == {
        "x-tenant-id", "x-tenant", "x-tenant-role", "x-agent-name", "x-principal", "authorization", "x-api-key",
    }  # fmt: skip


def test_underscores_do_not_get_a_header_through() -> None:
    plain = asked(seen())
    assert plain.forged == ()
    assert asked(seen(**{"x_tenant-id": "globex"})).forged == ("x-tenant-id",)


def test_credentials() -> None:
    key = Key.new()
    assert credential({}).kind is Kind.NONE
    for headers in (
        {"authorization": f"Bearer {key.text}"},
        {"authorization": f"bearer  {key.text}"},
        {"x-api-key": key.text},
    ):
        found = credential(headers)
        assert (found.kind, found.key) == (Kind.KEY, key)
    assert credential({"authorization": "Bearer a.b.c"}).kind is Kind.TOKEN


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer gw_short"},
        {"x-api-key": "a.b.c"},
        {"x-api-key": ""},
        {"authorization": "Bearer a.b.c", "x-api-key": "gw_x"},
        {"authorization": "Bearer " + "a" * 20_000},
    ],
)
def test_what_is_in_no_known_form_or_twice_is_neither(headers: dict[str, str]) -> None:
    assert credential(headers).kind is Kind.OTHER


@given(st.dictionaries(st.sampled_from(["authorization", "x-api-key"]), st.text(max_size=80)), st.text(), st.text())
def test_nothing_a_caller_sends_is_an_error(headers: dict[str, str], path: str, host: str) -> None:
    found = asked(seen(host=host, path=path, **headers))
    assert found.agent == "" or f"/agents/{found.agent}" in path


def test_a_secret_is_not_shown_by_accident() -> None:
    key = Key.new()
    found = asked(seen(authorization=f"Bearer {key.text}"))
    assert key.secret not in repr(found)
    assert "a.b.c" not in repr(asked(seen(authorization="Bearer a.b.c")))
