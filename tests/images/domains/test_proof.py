from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains_operator.proof import Seen, look, token, wanted
from domains_operator.settings import Server
from tests.images.domains.samples import DOMAIN

KEY = b"k" * 32
HOST = "agents.companyx.test"
Zone = dict[tuple[str, str], list[str]]
names = st.from_regex(r"[a-z]{1,20}", fullmatch=True)


@contextmanager
def server(answers: Zone, code: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[Server]:
    """A DNS server that knows just these records, on a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(listening, _answering(answers, code)), daemon=True)
        thread.start()
        yield Server(host="127.0.0.1", port=listening.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listening.getsockname())
        thread.join()


def _serve(listening: socket.socket, answer: Callable[[dns.message.Message], dns.message.Message]) -> None:
    while True:
        text, sender = listening.recvfrom(4096)
        if not text:
            return
        listening.sendto(answer(dns.message.from_wire(text)).to_wire(), sender)


def _answering(answers: Zone, code: dns.rcode.Rcode) -> Callable[[dns.message.Message], dns.message.Message]:
    def answer(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        made = dns.message.make_response(question)
        made.flags |= dns.flags.RA
        found = answers.get((asked.name.to_text(omit_final_dot=True), asked.rdtype.name), [])
        made.set_rcode(code if found or code != dns.rcode.NOERROR else dns.rcode.NXDOMAIN)
        if found:
            made.answer.append(dns.rrset.from_text_list(asked.name, 1, "IN", asked.rdtype.name, found))
        return made

    return answer


def proved(answers: Zone, tenant: str = "acme", code: dns.rcode.Rcode = dns.rcode.NOERROR) -> Seen:
    with server(answers, code) as made:
        return look([made], wanted(KEY, tenant, HOST, DOMAIN)).seen


def text_for(tenant: str, host: str = HOST, key: bytes = KEY) -> Zone:
    return {(f"_groundwork-challenge.{HOST}", "TXT"): [f'"groundwork-verification={token(key, tenant, host)}"']}


def test_the_text_record_proves() -> None:
    assert proved(text_for("acme")) is Seen.TXT


def test_among_other_texts_and_in_several_strings_too() -> None:
    value = f"groundwork-verification={token(KEY, 'acme', HOST)}"
    rows = ['"v=spf1 -all"', f'"{value[:30]}" "{value[30:]}"']
    assert proved({(f"_groundwork-challenge.{HOST}", "TXT"): rows}) is Seen.TXT


def test_an_alias_to_the_tenants_own_name_proves() -> None:
    assert proved({(HOST, "CNAME"): [f"acme.{DOMAIN}."]}) is Seen.CNAME


@pytest.mark.parametrize(
    "answers",
    [
        {},
        text_for("globex"),
        text_for("acme", host="other.companyx.test"),
        text_for("acme", key=b"of another installation"),
        {(f"_groundwork-challenge.{HOST}", "TXT"): ['"groundwork-verification="']},
        {(HOST, "CNAME"): [f"globex.{DOMAIN}."]},
        {(HOST, "CNAME"): [f"acme.{DOMAIN}.example.com."]},
        {(HOST, "TXT"): [f'"groundwork-verification={token(KEY, "acme", HOST)}"']},
    ],
)
def test_what_is_no_proof(answers: Zone) -> None:
    assert proved(answers) is Seen.MISSING


def test_a_wrong_text_is_shown_beside_the_right_one() -> None:
    with server({(f"_groundwork-challenge.{HOST}", "TXT"): ['"wrong"']}) as made:
        detail = look([made], wanted(KEY, "acme", HOST, DOMAIN)).detail
    assert "is wrong, not groundwork-verification=" in detail


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_server_that_fails_says_nothing(code: dns.rcode.Rcode) -> None:
    assert proved({}, code=code) is Seen.UNREACHABLE


def test_no_server_says_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = look([Server(host="127.0.0.1", port=port)], wanted(KEY, "acme", HOST, DOMAIN))
    assert found.seen is Seen.UNREACHABLE


@given(names, names, names, names)
def test_a_token_is_of_one_tenant_and_one_host(tenant: str, host: str, other_tenant: str, other_host: str) -> None:
    made = token(KEY, tenant, host)
    assert made == token(KEY, tenant, host)
    assert len(made) == 32
    if (tenant, host) != (other_tenant, other_host):
        assert made != token(KEY, other_tenant, other_host)
