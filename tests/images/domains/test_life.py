from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.platform.specs import DomainStatus
from domains_operator import life
from domains_operator.certificates import Cause, Facts, IssueError
from domains_operator.proof import Look, Seen, wanted
from domains_operator.settings import Pace
from tests.images.domains.samples import DOMAIN, HELD, NOW, domain, settings

HOST = "agents.companyx.test"
PACE = Pace()
RECORDS = wanted(b"k", "acme", HOST, DOMAIN)
FOUND, MISSING = Look(Seen.TXT, "there"), Look(Seen.MISSING, "not there")
UNREACHABLE = Look(Seen.UNREACHABLE, "timed out")
REFUSED = IssueError(Cause.REFUSED, "caa: forbidden")
DAY = timedelta(days=1)


def condition(status: DomainStatus, kind: str) -> tuple[str, str]:
    (found,) = [row for row in status.conditions if row.type == kind]
    return found.status, found.reason


def pending() -> DomainStatus:
    return life.awaiting(DomainStatus(), RECORDS, NOW)


def verified() -> DomainStatus:
    return life.looked(pending(), FOUND, NOW, PACE)


def issued(now: datetime = NOW) -> DomainStatus:
    found = Facts(names=frozenset([HOST]), issuer="CN=x", not_before=now, not_after=now + 90 * DAY)
    return life.issued(verified(), "domain-x", found, now)


def test_a_new_domain_says_which_record_to_set() -> None:
    status = pending()
    assert status.state == "Pending"
    for record in RECORDS:
        assert f"{record.type} {record.name} {record.value}" in status.reason
    assert condition(status, life.VERIFIED) == ("False", "Pending")
    assert life.issue_at(status) is None


def test_saying_it_again_changes_nothing() -> None:
    assert life.awaiting(pending(), RECORDS, NOW + DAY) == pending()
    assert life.awaiting(issued(), RECORDS, NOW + DAY) == issued()


def test_a_proof_makes_it_verified_and_due_for_a_certificate() -> None:
    status = verified()
    assert (status.state, status.verified_at) == ("Verified", NOW)
    assert condition(status, life.VERIFIED) == ("True", "TXT")
    assert life.issue_at(status) == NOW


def test_a_certificate_makes_it_issued_and_due_at_its_renewal() -> None:
    status = issued()
    assert status.state == "Issued"
    assert status.certificate is not None
    assert life.issue_at(status) == status.certificate.renew_at
    assert condition(status, life.ISSUED) == ("True", "Issued")


class TestProofLost:
    def test_it_lives_on_for_the_grace_period_and_says_until_when(self) -> None:
        status = life.looked(issued(), MISSING, NOW + DAY, PACE)
        assert (status.state, status.lost_at) == ("Issued", NOW + DAY)
        assert "2026-11-25 12:00 UTC" in status.reason
        assert life.looked(status, MISSING, NOW + 3 * DAY, PACE).state == "Issued"

    def test_then_it_is_taken_down(self) -> None:
        status = life.looked(issued(), MISSING, NOW + DAY, PACE)
        status = life.looked(status, MISSING, NOW + DAY + PACE.grace, PACE)
        assert (status.state, status.certificate, status.verified_at) == ("Pending", None, None)
        assert life.issue_at(status) is None
        assert condition(status, life.ISSUED) == ("False", "ProofLost")

    def test_a_proof_that_comes_back_ends_it(self) -> None:
        status = life.looked(life.looked(issued(), MISSING, NOW + DAY, PACE), FOUND, NOW + 2 * DAY, PACE)
        assert (status.state, status.lost_at) == ("Issued", None)
        assert life.looked(status, MISSING, NOW + 10 * DAY, PACE).lost_at == NOW + 10 * DAY

    def test_dns_that_does_not_answer_loses_nothing(self) -> None:
        status = issued()
        for days in range(1, 30):
            status = life.looked(status, UNREACHABLE, NOW + days * DAY, PACE)
        assert (status.state, status.lost_at) == ("Issued", None)


class TestFailures:
    def test_a_refusal_is_failed_and_tried_again_later_and_later(self) -> None:
        status, waits = verified(), []
        for _ in range(12):
            status = life.not_issued(status, REFUSED, HOST, NOW, PACE)
            assert status.state == "Failed"
            assert status.retry_at is not None
            assert life.issue_at(status) == status.retry_at
            waits.append(status.retry_at - NOW)
        assert waits[:-5] == sorted(waits[:-5])
        assert PACE.retry <= waits[0] <= PACE.retry * 1.25
        assert PACE.retry_at_most <= waits[-1] <= PACE.retry_at_most * 1.25

    def test_never_five_times_an_hour(self) -> None:
        """What Let's Encrypt allows for one host."""
        status, now, tries = verified(), NOW, [NOW]
        for _ in range(20):
            status = life.not_issued(status, REFUSED, HOST, now, PACE)
            assert status.retry_at is not None
            now = status.retry_at
            tries.append(now)
        hour = timedelta(hours=1)
        assert max(sum(start <= each < start + hour for each in tries) for start in tries) < 5

    def test_what_the_authority_asks_to_wait_is_waited(self) -> None:
        error = IssueError(Cause.RATE_LIMITED, "too many", timedelta(days=2))
        status = life.not_issued(verified(), error, HOST, NOW, PACE)
        assert (status.state, status.retry_at) == ("Verified", NOW + timedelta(days=2))

    def test_the_old_certificate_serves_while_it_is_valid(self) -> None:
        status = life.not_issued(issued(), REFUSED, HOST, NOW + 80 * DAY, PACE)
        assert status.state == "Issued"
        assert "caa: forbidden" in status.reason
        late = life.not_issued(status, REFUSED, HOST, NOW + 91 * DAY, PACE)
        assert (late.state, late.certificate) == ("Failed", None)

    def test_success_forgets_them(self) -> None:
        status = life.not_issued(verified(), REFUSED, HOST, NOW, PACE)
        found = Facts(names=frozenset([HOST]), issuer="x", not_before=NOW, not_after=NOW + DAY)
        status = life.issued(status, "s", found, NOW)
        assert (status.failures, status.retry_at, status.reason) == (0, None, "")

    def test_dns_that_does_not_answer_is_asked_less_and_less_often(self) -> None:
        status, now, waits = pending(), NOW, []
        for _ in range(12):
            status = life.looked(status, UNREACHABLE, now, PACE)
            assert status.state == "Pending"
            next_look = life.look_at(status, NOW, PACE)
            waits.append(next_look - now)
            now = next_look
        assert waits[:5] == sorted(waits[:5])
        assert PACE.pending <= waits[0] <= PACE.pending * 1.25
        assert waits[-1] <= PACE.pending_at_most * 1.25
        assert life.looked(status, MISSING, now, PACE).failures == 0


class TestWhenToLook:
    def test_at_once_for_a_new_one(self) -> None:
        assert life.look_at(pending(), NOW, PACE) == NOW

    def test_a_verified_one_every_hour(self) -> None:
        assert life.look_at(verified(), NOW, PACE) == NOW + PACE.verified

    @given(st.timedeltas(timedelta(0), timedelta(days=400)))
    def test_a_pending_one_often_at_first(self, age: timedelta) -> None:
        status = life.looked(pending(), MISSING, NOW + age, PACE)
        wait = life.look_at(status, NOW, PACE) - (NOW + age)
        assert PACE.pending <= wait <= PACE.pending_at_most
        assert wait <= max(age / 10, PACE.pending)


class TestWhoseHost:
    @pytest.mark.parametrize("host", [DOMAIN, f"globex.{DOMAIN}", f"a.b.{DOMAIN}"])
    def test_never_a_name_of_the_platforms_own(self, host: str) -> None:
        assert "the platform's own zone" in str(life.refusal(domain(host), [], settings()))

    def test_a_zone_kept_for_a_tenant_is_that_tenants(self) -> None:
        assert life.refusal(domain(f"a.{HELD}", "acme"), [], settings()) is None
        assert "another tenant" in str(life.refusal(domain(f"a.{HELD}", "globex"), [], settings()))

    def test_an_unproved_one_keeps_nobody_away(self) -> None:
        other = domain(HOST, "globex", uid="2", status=pending())
        assert life.refusal(domain(HOST, "acme"), [other], settings()) is None

    def test_a_proved_one_does_and_its_name_is_not_told(self) -> None:
        other = domain(HOST, "globex", uid="2", status=verified())
        why = str(life.refusal(domain(HOST, "acme"), [other], settings()))
        assert "verified by another tenant" in why
        assert "globex" not in why
        assert life.refusal(other, [domain(HOST, "acme")], settings()) is None

    def test_of_two_proved_ones_the_first_stays(self) -> None:
        later = verified().model_copy(update={"verified_at": NOW + DAY})
        one, two = domain(HOST, "acme", status=verified()), domain(HOST, "globex", uid="2", status=later)
        assert life.refusal(one, [one, two], settings()) is None
        assert life.refusal(two, [one, two], settings()) is not None

    @given(st.permutations(["1", "2", "3"]))
    def test_proved_in_the_same_moment_just_one_stays(self, uids: list[str]) -> None:
        rows = [domain(HOST, f"t{uid}", uid=uid, status=verified()) for uid in uids]
        assert sum(life.refusal(row, rows, settings()) is None for row in rows) == 1

    def test_a_second_object_of_the_same_tenant_is_refused(self) -> None:
        old, new = domain(HOST), domain(HOST, uid="2", created=NOW + DAY)
        assert life.refusal(old, [old, new], settings()) is None
        assert "stands in the Domain" in str(life.refusal(new, [old, new], settings()))

    def test_a_refused_one_keeps_nothing_and_can_begin_anew(self) -> None:
        status = life.refused(issued(), "not yours", NOW)
        assert (status.state, status.certificate, status.verified_at) == ("Failed", None, None)
        assert life.awaiting(status, RECORDS, NOW).state == "Pending"


def test_the_time_of_a_condition_is_that_of_its_change() -> None:
    status = life.looked(verified(), FOUND, NOW + DAY, PACE)
    (found,) = [row for row in status.conditions if row.type == life.VERIFIED]
    assert found.last_transition_time == NOW


@given(st.lists(st.sampled_from([FOUND, MISSING, UNREACHABLE]), max_size=30), st.data())
def test_whatever_dns_says_there_is_no_certificate_without_a_proof(looks: list[Look], data: st.DataObject) -> None:
    status, now = pending(), NOW
    proved = False
    for look in looks:
        now += data.draw(st.timedeltas(timedelta(minutes=1), timedelta(days=5)))
        status = life.looked(status, look, now, PACE)
        proved = proved or look is FOUND
        assert proved or status.verified_at is None
        assert (life.issue_at(status) is not None) == (status.verified_at is not None)
