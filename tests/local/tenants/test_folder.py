from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.tenants.folder import (
    Wish,
    begin,
    check_name,
    read_files,
    remove_folder,
    remove_override,
    renamed,
    set_override,
    write_folder,
)
from stacks.preflight import check_tenant
from stacks.tenant_settings import known_tenants, read_tenant

REASONS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)
COMMENTED = (
    "# ours\nencryptionsalt: v1:abc\nconfig:\n  aws:region: eu-west-1  # near\n  groundwork:flags: {beta: true}\n"
)


def test_a_new_tenant_is_valid_and_has_an_agent(tmp_path: Path) -> None:
    assert begin("initech", Wish(), tmp_path)
    found = read_tenant("initech", tmp_path)
    assert found.settings.cost_centre == "initech"
    assert [manifest.name for manifest in found.agents] == ["assistant"]


def test_settings_are_taken_and_checked(tmp_path: Path) -> None:
    wish = Wish.parse(None, ["costCentre=research", "limits={requestsPerSecond: 7}", "hosts=[a.example.com]"])
    begin("initech", wish, tmp_path)
    settings = read_tenant("initech", tmp_path).settings
    assert settings.limits is not None
    assert (settings.cost_centre, settings.limits.requests_per_second, settings.hosts) == (
        "research", 7, ("a.example.com",)
    )  # fmt: skip
    with pytest.raises(UserError, match="lmits: unknown key"):
        begin("hooli", Wish.parse(None, ["lmits={}"]), tmp_path)
    assert known_tenants(tmp_path) == ["initech"], "what was refused leaves nothing"
    assert [file.name for file in (tmp_path / "tenants").iterdir()] == ["initech"]


@pytest.mark.parametrize("text", ["costCentre", "=", "a=[", "a=*b"])
def test_a_setting_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        begin("initech", Wish.parse(None, [text]), Path("nowhere"))


def test_suspended_is_said_of_the_environment_and_not_of_the_folder() -> None:
    assert Wish.parse(None, ["suspended=later"]) == Wish(suspended="later")
    assert Wish.parse(None, ["suspended={reason: later}"]) == Wish(suspended="later")


def test_a_tenant_begins_like_another_without_what_is_that_ones_own(tmp_path: Path) -> None:
    begin("acme", Wish.parse(None, ["hosts=[a.example.com]", "flags={beta: true}"]), tmp_path)
    begin("copy", Wish.parse("acme", ["costCentre=copies"]), tmp_path)
    settings = read_tenant("copy", tmp_path).settings
    assert (settings.name, settings.cost_centre, settings.hosts, settings.flags) == (
        "copy", "copies", (), {"beta": True}
    )  # fmt: skip
    with pytest.raises(UserError, match="no tenant and no folder"):
        begin("other", Wish(like="nobody"), tmp_path)


def test_a_folder_that_is_there_is_never_changed(tmp_path: Path) -> None:
    begin("initech", Wish(), tmp_path)
    before = read_files(tmp_path / "tenants" / "initech")
    assert not begin("initech", Wish.parse(None, ["costCentre=other"]), tmp_path)
    assert not write_folder("initech", {"tenant.yaml": "name: initech\ncostCentre: other\n"}, tmp_path)
    assert read_files(tmp_path / "tenants" / "initech") == before


@pytest.mark.parametrize("name", ["Acme", "../x", "kube-system", "groundwork-x", "", "a" * 51])
def test_a_name_that_no_tenant_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        check_name(name)
    with pytest.raises(UserError):
        begin(name, Wish(), tmp_path)


def test_a_folder_is_removed_whole(tmp_path: Path) -> None:
    begin("initech", Wish(), tmp_path)
    for _ in range(2):
        remove_folder("initech", tmp_path)
        assert not (tmp_path / "tenants" / "initech").exists()


def test_a_renamed_tenant_keeps_the_rest() -> None:
    text = renamed("name: a\ncostCentre: c\nhosts: [h.example.com]\nretentionDays: 3\n", "b")
    assert yaml.safe_load(text) == {"name": "b", "costCentre": "c", "retentionDays": 3}


@given(reason=REASONS)
def test_a_value_is_set_and_taken_back_with_the_rest_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, reason: str
) -> None:
    checkout = tmp_path_factory.mktemp("c")
    begin("acme", Wish(), checkout)
    for before in (None, COMMENTED.replace("aws", "our")):
        file = checkout / "Pulumi.local.acme.yaml"
        if before is not None:
            file.write_text(before)
        for _ in range(2):  # set anew, it stands once
            set_override(file, "suspended", {"reason": reason})
        suspended = check_tenant("local", "acme", checkout).settings.suspended
        assert suspended is not None
        assert suspended.reason == reason
        remove_override(file, "suspended")
        assert (file.read_text("utf-8") if file.exists() else None) == before


def test_a_value_over_several_lines_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.local.acme.yaml"
    file.write_text("config:\n  groundwork:suspended:\n    reason: old\n  groundwork:flags: {a: true}\n")
    set_override(file, "suspended", {"reason": "new"})
    assert yaml.safe_load(file.read_text("utf-8")) == {
        "config": {"groundwork:suspended": {"reason": "new"}, "groundwork:flags": {"a": True}}
    }
    remove_override(file, "suspended")
    assert file.read_text("utf-8") == "config:\n  groundwork:flags: {a: true}\n"
    remove_override(tmp_path / "absent.yaml", "suspended")
