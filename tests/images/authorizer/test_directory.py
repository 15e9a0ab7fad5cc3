"""Whose host it is, and which keys there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from authorizer.directory import NOBODY, Directory
from components.platform.keys import Key
from components.platform.specs import ApiKeyStatus, Tenant
from tests.images.authorizer.samples import CREATED, api_key, domain, tenant


class Changes(list[str]):
    """The tenants of which something changed, since last asked."""

    def taken(self) -> set[str]:
        names = set(self)
        self.clear()
        return names


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def known(changes: Changes) -> Directory:
    directory = Directory(changes.append)
    directory.replace_tenants([tenant("acme"), tenant("globex")])
    changes.clear()
    return directory


def owner(known: Directory, host: str) -> str | None:
    found = known.tenant_at(host)
    return found.metadata.name if found else None


def test_hosts_lead_to_their_tenant(known: Directory) -> None:
    assert owner(known, "acme.groundwork.test") == "acme"
    assert owner(known, "globex.groundwork.test") == "globex"
    assert owner(known, "groundwork.test") is None


def test_a_changed_tenant_is_known_at_once_and_no_other_is_disturbed(known: Directory, changes: Changes) -> None:
    known.put_tenant(tenant("acme", suspended={"reason": "unpaid"}))
    found = known.tenant_at("acme.groundwork.test")
    assert found is not None
    assert found.spec.suspended is not None
    assert changes.taken() == {"acme", NOBODY}


def test_the_same_again_is_no_change(known: Directory, changes: Changes) -> None:
    known.put_tenant(tenant("acme"))
    known.replace_tenants([tenant("acme"), tenant("globex")])
    assert changes.taken() == set()


def test_a_tenant_that_is_gone_answers_nowhere(known: Directory, changes: Changes) -> None:
    known.drop_tenant("acme", "acme")
    assert owner(known, "acme.groundwork.test") is None
    known.replace_tenants([])
    assert owner(known, "globex.groundwork.test") is None
    assert changes.taken() == {"acme", "globex", NOBODY}


def test_a_tenant_in_another_namespace_is_none(known: Directory, changes: Changes) -> None:
    body = {"metadata": {"name": "acme", "namespace": "globex"}, "spec": {"hosts": ["stolen.example"]}}
    known.put_tenant(Tenant.model_validate(body))
    known.drop_tenant("globex", "acme")
    assert owner(known, "stolen.example") is None
    assert owner(known, "acme.groundwork.test") == "acme"
    assert changes.taken() == set()


def test_a_host_stays_with_whom_had_it_first(known: Directory) -> None:
    late = tenant("aaa", hosts=["acme.groundwork.test", "aaa.groundwork.test"])
    metadata = late.metadata.model_copy(update={"creation_timestamp": datetime(2027, 1, 1, tzinfo=UTC)})
    known.put_tenant(late.model_copy(update={"metadata": metadata}))
    assert owner(known, "acme.groundwork.test") == "acme"
    assert owner(known, "aaa.groundwork.test") == "aaa"
    known.drop_tenant("acme", "acme")
    assert owner(known, "acme.groundwork.test") == "aaa"


def test_a_custom_domain_counts_once_it_is_issued(known: Directory, changes: Changes) -> None:
    for state in ("Pending", "Verified", "Failed"):
        known.put_domain(domain("chat.example.com", state=state))
        assert owner(known, "chat.example.com") is None
    changes.clear()
    known.put_domain(domain("chat.example.com"))
    assert owner(known, "chat.example.com") == "acme"
    assert changes.taken() == {"acme", NOBODY}
    known.put_domain(domain("chat.example.com", state="Failed"))
    assert owner(known, "chat.example.com") is None
    known.replace_domains([domain("chat.example.com", tenant="globex")])
    assert owner(known, "chat.example.com") == "globex"
    known.drop_domain("globex", "chat-example-com")
    assert owner(known, "chat.example.com") is None


def test_a_custom_domain_takes_no_tenants_own_host(known: Directory) -> None:
    known.put_domain(domain("globex.groundwork.test", tenant="acme"))
    assert owner(known, "globex.groundwork.test") == "globex"


def test_a_custom_domain_of_nobody_leads_nowhere(known: Directory) -> None:
    known.put_domain(domain("chat.example.com", tenant="initech"))
    assert owner(known, "chat.example.com") is None
    known.put_tenant(tenant("initech"))
    assert owner(known, "chat.example.com") == "initech"


def test_keys_come_change_and_go(known: Directory, changes: Changes) -> None:
    key = Key.new()
    known.put_key(api_key(key))
    assert known.key("acme", key.id) is not None
    assert changes.taken() == {"acme"}
    known.put_key(api_key(key, revoked={"at": CREATED, "reason": "leaked"}))
    found = known.key("acme", key.id)
    assert found is not None
    assert found.spec.revoked is not None
    assert changes.taken() == {"acme"}
    known.drop_key("acme", key.id)
    assert known.key("acme", key.id) is None
    assert changes.taken() == {"acme"}


def test_a_count_is_no_change(known: Directory, changes: Changes) -> None:
    key = Key.new()
    known.put_key(api_key(key))
    changes.clear()
    known.put_key(api_key(key).model_copy(update={"status": ApiKeyStatus(requests=7)}))
    found = known.key("acme", key.id)
    assert found is not None
    assert found.status.requests == 7
    assert changes.taken() == set()


def test_a_key_made_in_another_namespace_opens_nothing(known: Directory) -> None:
    key = Key.new()
    forged = api_key(key)
    metadata = forged.metadata.model_copy(update={"namespace": "globex"})
    known.put_key(forged.model_copy(update={"metadata": metadata}))
    assert known.key("acme", key.id) is None
    assert known.key("globex", key.id) is None


def test_keys_of_one_id_in_two_tenants_do_not_meet(known: Directory) -> None:
    key, other = Key.new(), Key.new()
    known.replace_keys([api_key(key), api_key(Key(id=key.id, secret=other.secret), "globex")])
    mine, theirs = known.key("acme", key.id), known.key("globex", key.id)
    assert mine is not None
    assert theirs is not None
    assert mine.spec.hash != theirs.spec.hash
    known.replace_keys([api_key(key)])
    assert known.key("globex", key.id) is None
    assert known.count() == (2, 1)
