from __future__ import annotations

import pytest

from components.platform.specs import DomainStatus
from domains_operator import publishing, resolving
from domains_operator.acme_issuer import Answers
from domains_operator.certificates import Cause, IssueError
from domains_operator.proof import wanted
from domains_operator.watching import CHALLENGES
from domains_operator.zones import Record
from tests.images.domains.fake import FakeCluster
from tests.images.domains.samples import DOMAIN, HELD, NOW, domain, settings

NAME = f"_acme-challenge.{DOMAIN}"
ANSWERS = Answers(dns=[(NAME, "one"), (NAME, "two")], http={"token": "token.thumbprint"})


def test_answers_are_shared_while_the_order_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    monkeypatch.setattr(resolving, "all_have", lambda *_: True)
    with publishing.Publisher(settings(), cluster).publish(ANSWERS):
        shared = cluster.config(CHALLENGES)
        assert sorted(publishing.dns_challenges(shared)) == [(NAME, "one"), (NAME, "two")]
        assert publishing.http_challenge(shared, "token") == "token.thumbprint"
        assert publishing.http_challenge(shared, "other") is None
    assert cluster.config(CHALLENGES) == {}


def test_and_taken_away_when_the_order_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    monkeypatch.setattr(resolving, "all_have", lambda *_: True)
    with pytest.raises(ValueError, match="order"), publishing.Publisher(settings(), cluster).publish(ANSWERS):
        raise ValueError("order")
    assert cluster.config(CHALLENGES) == {}


def test_an_authority_is_not_sent_to_zone_servers_that_lack_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    monkeypatch.setattr(resolving, "all_have", lambda *_: False)
    monkeypatch.setattr(publishing, "_SHOWN_SECONDS", 0)
    with pytest.raises(IssueError) as caught, publishing.Publisher(settings(), cluster).publish(ANSWERS):
        pass
    assert caught.value.cause is Cause.UNREACHABLE
    assert cluster.config(CHALLENGES) == {}


def test_a_new_leader_takes_away_what_the_old_one_left() -> None:
    cluster = FakeCluster()
    cluster.set_config(CHALLENGES, {"dns.x": "[]", "http.y": "z"})
    publishing.Publisher(settings(), cluster).clear()
    assert cluster.config(CHALLENGES) == {}


def test_zones_follow_from_domains_and_challenges() -> None:
    ours, held = settings().zones
    host, foreign = f"agents.{HELD}", f"agents.{DOMAIN}"
    records = wanted(b"key", "acme", host, DOMAIN)
    rows = [
        domain(host, status=DomainStatus(records=records, verified_at=NOW)),
        domain(f"pending.{HELD}", uid="2", status=DomainStatus(records=wanted(b"key", "acme", "p", DOMAIN))),
        domain(f"stolen.{HELD}", "globex", uid="3", status=DomainStatus(records=records, verified_at=NOW)),
        domain(foreign, uid="4", status=DomainStatus(verified_at=NOW)),
    ]
    found = publishing.content(settings(), rows, {})
    assert Record(host, "A", "192.0.2.1") in found[held]
    assert Record(records[0].name, "TXT", records[0].value) in found[held]
    assert not any(f"{name}.{HELD}" == each.name for name in ("pending", "stolen") for each in found[held])
    assert not any(each.name == foreign for each in found[ours])
