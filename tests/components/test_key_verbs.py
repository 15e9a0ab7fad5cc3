"""`groundwork key …` as a user runs it, against a small API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from components.gateway.key_verbs import app
from components.platform.keys import Key
from groundwork.errors import UserError
from tests.images.authorizer.api_server import Objects, kubeconfig, serving
from tests.images.authorizer.samples import Object, domain_object, key_object, tenant_object


class Cluster:
    """A cluster with the tenants acme and globex."""

    def __init__(self, objects: Objects, file: Path) -> None:
        self.objects, self.file = objects, file
        objects.put(tenant_object("acme"))
        objects.put(tenant_object("globex"))
        objects.put(domain_object("chat.example.com"))

    def run(self, *words: str) -> Result:
        result = CliRunner().invoke(app, [*words, "--kubeconfig", str(self.file)])
        if isinstance(result.exception, UserError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    def json(self, *words: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run(*words, "--json").stdout)
        return found

    def spec(self, key_id: str) -> dict[str, object]:
        items = self.objects.list("apikeys")["items"]
        (found,) = [item["spec"] for item in items if item["metadata"]["name"] == key_id]
        assert isinstance(found, dict)
        return found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    objects = Objects()
    with serving(objects) as port:
        yield Cluster(objects, kubeconfig(tmp_path, port))


def test_a_key_is_shown_once_and_only_its_hash_is_kept(cluster: Cluster) -> None:
    shown = cluster.json(
        "create", "acme", "--agent", "concierge", "--agent", "analyst", "--limit", "5", "--expires", "90d"
    )
    key = Key.parse(shown["key"])
    assert key is not None
    assert shown["id"] == key.id
    spec = cluster.spec(key.id)
    assert spec["hash"] == key.hash
    assert spec["scope"] == {"org": "acme", "agents": ["concierge", "analyst"]}
    assert spec["rateLimit"] == {"requestsPerSecond": 5}
    assert key.secret not in json.dumps(cluster.objects.list("apikeys"))
    for words in (["list"], ["show", key.id]):
        assert key.secret not in cluster.run(*words).output


def test_the_key_alone_is_on_standard_output(cluster: Cluster) -> None:
    assert Key.parse(cluster.run("create", "acme").stdout.strip()) is not None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "initech"], "there is no tenant 'initech'"),
        (["create", "acme", "--domain", "other.example.com"], "no host of acme"),
        (["create", "acme", "--domain", "Not A Host"], "--domain: 'Not A Host'"),
        (["create", "acme", "--agent", "Not An Agent"], "--agent: 'Not An Agent'"),
        (["create", "acme", "--limit", "0"], "--limit: 0 cannot be used"),
        (["create", "acme", "--expires", "soon"], "not a duration"),
        (["show", "abcdefabcdef"], "there is no key 'abcdefabcdef'"),
        (["revoke", "abcdefabcdef", "--reason", ""], "the reason is empty"),
    ],
)
def test_what_cannot_be_is_said(cluster: Cluster, words: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        cluster.run(*words)


def test_a_tenants_own_domain_is_a_host_of_it(cluster: Cluster) -> None:
    assert cluster.json("create", "acme", "--domain", "chat.example.com")["tenant"] == "acme"


def test_rotation_gives_a_new_key_and_the_old_one_its_grace(cluster: Cluster) -> None:
    old = cluster.json("create", "acme", "--agent", "concierge", "--note", "site")
    new = cluster.json("rotate", old["id"], "--grace", "1h")
    assert new["replaces"] == old["id"]
    assert cluster.spec(new["id"])["scope"] == cluster.spec(old["id"])["scope"]
    rows = {row["id"]: row for row in json.loads(cluster.run("list", "acme", "--json").stdout)}
    assert (rows[old["id"]]["state"], rows[new["id"]]["state"]) == ("grace", "active")
    assert cluster.json("show", old["id"])["successor"] == new["id"]
    with pytest.raises(UserError, match="rotated already"):
        cluster.run("rotate", old["id"])


def test_a_leaked_key_is_revoked_by_its_text_and_says_who_and_why(cluster: Cluster) -> None:
    made = cluster.json("create", "acme")
    row = cluster.json("revoke", made["key"], "--reason", "in a public log")
    assert row["state"] == "revoked"
    assert "in a public log" in row["revoked"]
    first = cluster.spec(made["id"])["revoked"]
    cluster.run("revoke", made["id"], "--reason", "again")
    assert cluster.spec(made["id"])["revoked"] == first
    with pytest.raises(UserError, match="the key is revoked"):
        cluster.run("rotate", made["id"])


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, part: str, change: dict[str, object], times: int
) -> None:
    """Before each of the next writes of a `spec`, somebody else writes a part of the same object."""
    objects, patch = cluster.objects, cluster.objects.patch
    left = iter(range(times))

    def interrupted(place: tuple[str, str, str], written: str, body: Object) -> tuple[int, Object]:
        if written == "spec" and next(left, None) is not None:
            now = objects.list(*place)["items"][0]["metadata"]["resourceVersion"]
            assert patch(place, part, {"metadata": {"resourceVersion": now}, part: change})[0] == 200
        return patch(place, written, body)

    monkeypatch.setattr(objects, "patch", interrupted)


@pytest.mark.parametrize("verb", [["revoke", "--reason", "leaked"], ["rotate"]])
def test_an_authorizer_that_notes_a_use_is_not_in_the_way(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    made = cluster.json("create", "acme")
    meanwhile(monkeypatch, cluster, "status", {"requests": 3}, times=2)
    cluster.run(verb[0], made["id"], *verb[1:])
    assert cluster.json("show", made["id"])["state"] in {"revoked", "grace"}


def test_a_key_that_somebody_else_changed_is_left_as_it_is(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cluster.json("create", "acme")
    meanwhile(monkeypatch, cluster, "spec", {"note": "mine"}, times=1)
    with pytest.raises(UserError, match="somebody else changed the key"):
        cluster.run("revoke", made["id"], "--reason", "leaked")
    assert cluster.spec(made["id"])["note"] == "mine"
    assert "revoked" not in cluster.spec(made["id"])


def test_a_list_can_be_of_one_tenant(cluster: Cluster) -> None:
    cluster.json("create", "acme")
    cluster.json("create", "globex")
    assert {row["tenant"] for row in json.loads(cluster.run("list", "--json").stdout)} == {"acme", "globex"}
    assert {row["tenant"] for row in json.loads(cluster.run("list", "globex", "--json").stdout)} == {"globex"}


def test_a_cluster_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with serving(Objects()) as port:
        pass
    result = CliRunner().invoke(app, ["list", "--kubeconfig", str(kubeconfig(tmp_path, port))])
    assert isinstance(result.exception, UserError)
    assert "does not answer" in str(result.exception)
    missing = CliRunner().invoke(app, ["list", "--kubeconfig", str(tmp_path / "none")])
    assert isinstance(missing.exception, UserError)


def test_a_stored_key_of_an_older_form_is_still_listed(cluster: Cluster) -> None:
    key = Key.new()
    cluster.objects.put(key_object(key, note="by hand", colour="blue"))
    assert cluster.json("show", key.id)["note"] == "by hand"
