from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import JsonValue

from components.platform.specs import DnsRecord, Domain
from domains_operator import certifying, proof
from domains_operator.certificates import Cause, IssueError, new_authority
from domains_operator.cluster import GatewayHost
from domains_operator.leading import Leader
from domains_operator.proof import Look, Seen
from groundwork.waiting import wait_until
from tests.images.domains.fake import FakeCluster, FakeIssuer
from tests.images.domains.samples import DOMAIN, domain, settings

HOST = "agents.companyx.test"
SECRET = f"domain-{HOST}"


class Stage:
    """A leader with a cluster in memory, and a DNS that says what `seen` holds for a tenant."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: JsonValue) -> None:
        self.cluster, self.issuer = FakeCluster(), FakeIssuer()
        self.seen: dict[str, Seen] = {}
        self.settings = settings(**changes)
        monkeypatch.setattr(proof, "look", self._look)
        self.leader = self.new_leader()

    def new_leader(self) -> Leader:
        return Leader(self.settings, self.cluster, {"own": self.issuer}, b"key", self.cluster.domains)

    def _look(self, _resolvers: object, records: list[DnsRecord]) -> Look:
        tenant = records[1].value.partition(".")[0]
        return Look(self.seen.get(tenant, Seen.MISSING), "as told")

    def until(self, tenant: str, state: str) -> Domain:
        def there() -> bool:
            self.leader.do_pass()
            return self.cluster.domain(tenant, HOST).status.state == state

        assert wait_until(there, 10), self.cluster.domain(tenant, HOST).status
        return self.cluster.domain(tenant, HOST)

    def settled(self) -> None:
        """Until a pass leaves nothing under way."""
        assert wait_until(lambda: self._idle() and bool(self.cluster.secrets.get("wildcard")), 10)

    def _idle(self) -> bool:
        before = (dict(self.cluster.objects), len(self.issuer.orders))
        self.leader.do_pass()
        return wait_until(lambda: not self._running(), 5) and before == (
            self.cluster.objects,
            len(self.issuer.orders),
        )

    def _running(self) -> bool:
        return any(not each.done() for each in self.leader._running.values())


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_the_wildcard_is_there_first_and_once(stage: Stage) -> None:
    assert wait_until(lambda: stage.leader.do_pass() is not None and "wildcard" in stage.cluster.secrets, 10)
    stage.settled()
    assert stage.issuer.orders == [(f"*.{DOMAIN}", DOMAIN)]


def test_another_leader_does_not_order_it_again(stage: Stage) -> None:
    assert wait_until(lambda: stage.leader.do_pass() is not None and "wildcard" in stage.cluster.secrets, 10)
    stage.settled()
    stage.leader = stage.new_leader()
    stage.settled()
    assert len(stage.issuer.orders) == 1


def test_a_secret_that_somebody_deleted_is_made_again(stage: Stage) -> None:
    assert wait_until(lambda: stage.leader.do_pass() is not None and "wildcard" in stage.cluster.secrets, 10)
    stage.settled()
    stage.cluster.secrets.clear()
    stage.leader = stage.new_leader()
    assert wait_until(lambda: stage.leader.do_pass() is not None and "wildcard" in stage.cluster.secrets, 10)


def test_once_openbao_signs_what_is_served_is_replaced_and_while_it_does_not_answer_it_stays(stage: Stage) -> None:
    stage.seen["acme"] = Seen.CNAME
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    stage.settled()
    before = dict(stage.cluster.secrets)
    other = new_authority("groundwork mesh openbao", timedelta(days=9))
    stage.cluster.configs["openbao"] = {"issuer.crt": other.chain.decode()}
    unanswered = [IssueError(Cause.UNREACHABLE, "OpenBao does not answer") for _ in before]
    stage.issuer.errors.extend(unanswered)
    stage.leader = stage.new_leader()
    assert wait_until(lambda: stage.leader.do_pass() is not None and not stage.issuer.errors, 10)
    stage.settled()
    assert stage.cluster.secrets == before
    assert stage.cluster.domain("acme", HOST).status.state == "Issued"
    assert stage.cluster.hosts == {"domains-acme": frozenset({GatewayHost(HOST, SECRET)})}
    stage.leader = stage.new_leader()
    changed = ("wildcard", SECRET)
    assert wait_until(
        lambda: (
            stage.leader.do_pass() is not None and all(stage.cluster.secrets[name] != before[name] for name in changed)
        ),
        10,
    )


def test_a_host_goes_from_added_to_the_gateway(stage: Stage) -> None:
    stage.cluster.put(domain(HOST))
    stage.settled()
    assert stage.until("acme", "Pending").status.records
    assert SECRET not in stage.cluster.secrets
    assert stage.cluster.hosts == {}
    stage.seen["acme"] = Seen.TXT
    stage.leader = stage.new_leader()
    stage.cluster.write_status(
        found := stage.cluster.domain("acme", HOST), found.status.model_copy(update={"checked_at": None})
    )
    stage.until("acme", "Issued")
    stage.settled()
    assert stage.cluster.hosts == {"domains-acme": frozenset({GatewayHost(HOST, SECRET)})}
    assert [reason for _, reason in stage.cluster.events][-2:] == ["Verified", "Issued"]


def test_a_host_that_is_removed_leaves_nothing(stage: Stage) -> None:
    stage.seen["acme"] = Seen.CNAME
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    stage.settled()
    stage.cluster.objects.clear()
    assert wait_until(lambda: stage.leader.do_pass() is not None and SECRET not in stage.cluster.secrets, 10)
    assert stage.cluster.hosts == {}
    assert stage.cluster.config(certifying.GIVEN) == {"wildcard": f"*.{DOMAIN}"}


def test_also_when_nobody_led_while_it_was_removed(stage: Stage) -> None:
    stage.seen["acme"] = Seen.CNAME
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    stage.settled()
    stage.cluster.objects.clear()
    stage.leader = stage.new_leader()
    assert wait_until(lambda: stage.leader.do_pass() is not None and SECRET not in stage.cluster.secrets, 10)


def test_the_second_tenant_to_prove_a_host_is_refused(stage: Stage) -> None:
    stage.seen |= {"acme": Seen.TXT, "globex": Seen.TXT}
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    stage.cluster.put(domain(HOST, "globex", uid="2"))
    assert "another tenant" in stage.until("globex", "Failed").status.reason
    assert set(stage.cluster.hosts) == {"domains-acme"}
    stage.cluster.objects.pop(("acme", HOST))
    stage.until("globex", "Issued")


def test_a_refusal_is_told_and_not_asked_again_at_once(stage: Stage) -> None:
    stage.seen["acme"] = Seen.TXT
    stage.issuer.errors = [IssueError(Cause.REFUSED, "caa: forbidden")] * 2
    stage.cluster.put(domain(HOST))
    assert "caa: forbidden" in stage.until("acme", "Failed").status.reason
    for _ in range(5):
        stage.leader.do_pass()
    assert stage.issuer.orders.count((HOST,)) == 1
    assert ("Warning", "Failed") in stage.cluster.events


def test_an_authority_that_this_environment_does_not_have(stage: Stage) -> None:
    stage.seen["acme"] = Seen.TXT
    made = domain(HOST)
    stage.cluster.put(made.model_copy(update={"spec": made.spec.model_copy(update={"issuer": "acme"})}))
    assert "no authority called acme" in stage.until("acme", "Failed").status.reason


def test_without_istio_certificates_are_made_all_the_same(stage: Stage) -> None:
    stage.cluster.istio = False
    stage.seen["acme"] = Seen.TXT
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    assert SECRET in stage.cluster.secrets


def test_state_that_cannot_be_read_is_made_anew(stage: Stage) -> None:
    stage.cluster.set_config("wildcards", {DOMAIN: "{half"})
    stage.leader = stage.new_leader()
    assert wait_until(lambda: stage.leader.do_pass() is not None and "wildcard" in stage.cluster.secrets, 10)


def test_a_list_that_lags_behind_takes_no_certificate_away(stage: Stage) -> None:
    stage.seen["acme"] = Seen.TXT
    stage.cluster.put(domain(HOST))
    stage.until("acme", "Issued")
    stage.settled()
    old = [domain(HOST)]
    stage.leader = Leader(stage.settings, stage.cluster, {"own": stage.issuer}, b"key", lambda: old)
    stage.leader.do_pass()
    assert SECRET in stage.cluster.secrets
    assert stage.cluster.hosts == {"domains-acme": frozenset({GatewayHost(HOST, SECRET)})}
