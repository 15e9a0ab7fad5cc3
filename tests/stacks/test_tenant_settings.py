from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundwork.errors import ExitCode, UserError
from stacks.preflight import check_tenant
from stacks.tenant_settings import json_schema, known_tenants, read_tenant

CHECKOUT = Path(__file__).parents[2]
HEAD = "name: acme\ncostCentre: hotels\n"
AGENT = "apiVersion: groundwork/v1\nkind: Agent\nmetadata: {name: NAME}\nspec: {image: i, model: {provider: echo}}\n"


def written(checkout: Path, text: str = HEAD, name: str = "acme") -> Path:
    folder = checkout / "tenants" / name
    (folder / "agents").mkdir(parents=True, exist_ok=True)
    (folder / "tenant.yaml").write_text(text)
    return folder


def refusal(checkout: Path, text: str) -> UserError:
    written(checkout, text)
    with pytest.raises(UserError) as caught:
        read_tenant("acme", checkout)
    assert caught.value.code is ExitCode.USAGE
    return caught.value


def test_little_is_required_and_agents_are_the_files_of_a_folder(tmp_path: Path) -> None:
    folder = written(tmp_path)
    for name in ("b", "a"):
        (folder / "agents" / f"{name}.yaml").write_text(AGENT.replace("NAME", name))
    found = read_tenant("acme", tmp_path)
    assert [manifest.name for manifest in found.agents] == ["a", "b"]
    assert found.settings.suspended is None
    assert known_tenants(tmp_path) == ["acme"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("name: acme\n", 1, "costCentre: is missing"),
        (HEAD + "quta: {}\n", 3, "quta: unknown key"),
        (HEAD.replace("acme", "Acme"), 1, "name: 'Acme' is not a name"),
        (HEAD.replace("acme", "kube-x"), 1, "name: kube-x is the cluster's own"),
        (HEAD.replace("acme", "secrets"), 1, "name: secrets is a layer of every environment"),
        (HEAD.replace("acme", "globex"), 1, "name: is 'globex', and the folder's name is 'acme'"),
        (HEAD + "hosts: [WWW.acme.example]\n", 3, "hosts[0]: 'WWW.acme.example' is not a host's name"),
        (HEAD + "hosts: ['*.acme.example']\n", 3, "hosts[0]: '*.acme.example' is not a host's name"),
        (HEAD + "hosts: [a.example, a.example]\n", 3, "hosts[1]: a.example stands twice"),
        (HEAD + "limits: {requestsPerSecond: 0}\n", 3,
         "limits.requestsPerSecond: must be greater than or equal to 1, not 0"),
        (HEAD + "suspended: {}\n", 3, "suspended.reason: is missing"),
        (HEAD + "retentionDays: forever\n", 3, "retentionDays: must be a valid integer"),
        (HEAD + "issuers: [{issuer: https://a.example, audiences: [x]}]\n", 3,
         "issuers[0].jwksUri: must stand, or jwks in its place"),
        (HEAD + "issuers: [{issuer: x, audiences: [x], jwksUri: http://a.example/k}]\n", 3,
         "issuers[0].jwksUri: keys are fetched over a connection that proves who answers"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    error = refusal(tmp_path, text)
    assert error.what == what
    assert str(error.where).startswith(f"tenants/acme/tenant.yaml:{line}:")


def test_a_manifest_has_its_agents_name(tmp_path: Path) -> None:
    (written(tmp_path) / "agents" / "a.yaml").write_text(AGENT.replace("NAME", "b"))
    with pytest.raises(UserError, match="'b', and the file's name is 'a'"):
        read_tenant("acme", tmp_path)


def test_one_environment_may_set_a_key_otherwise(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "limits: {requestsPerSecond: 5}\n")
    file = tmp_path / "Pulumi.local.acme.yaml"
    file.write_text("config:\n  groundwork:limits: {requestsPerSecond: 7}\n  groundwork:suspended: {reason: unpaid}\n")
    here, there = check_tenant("local", "acme", tmp_path).settings, check_tenant("staging", "acme", tmp_path).settings
    assert here.limits is not None
    assert here.limits.requests_per_second == 7
    assert here.suspended is not None
    assert there.limits is not None
    assert (there.limits.requests_per_second, there.suspended) == (5, None)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("  groundwork:suspnded: {reason: x}\n", "Pulumi.local.acme.yaml:2:3", "suspnded: unknown key"),
        ("  groundwork:name: globex\n", "Pulumi.local.acme.yaml", "name: an environment cannot rename a tenant"),
    ],
)
def test_a_mistake_of_one_environment_is_placed_in_its_file(tmp_path: Path, text: str, where: str, what: str) -> None:
    written(tmp_path)
    (tmp_path / "Pulumi.local.acme.yaml").write_text(f"config:\n{text}")
    with pytest.raises(UserError) as caught:
        check_tenant("local", "acme", tmp_path)
    assert caught.value.what == what
    assert str(caught.value.where).endswith(where)


def test_a_proven_host_that_is_no_host_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "Pulumi.prod.acme.yaml").write_text(
        "config:\n  groundwork:hosts: [a.companyx.example]\n  groundwork:provenHosts: [b.companyx.example]\n"
    )
    with pytest.raises(UserError) as caught:
        check_tenant("prod", "acme", tmp_path)
    assert caught.value.what == "provenHosts[0]: b.companyx.example does not stand under hosts"
    assert caught.value.allowed == "a.companyx.example"


def test_the_schema_on_record_is_the_models() -> None:
    on_record = (CHECKOUT / "docs" / "tenant.schema.json").read_text("utf-8")
    assert json.loads(on_record) == json.loads(json.dumps(json_schema()))
