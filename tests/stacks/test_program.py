"""The program as the engine would run it, against mocks."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pytest
import yaml

import stacks
from stacks.dispatch import declare
from tests.components.pod_security import violations
from tests.components.recording import Graph, record
from tests.components.samples import DIGEST

CHECKOUT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent / "urns.local.txt"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder with a kubeconfig and an image."""
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)
    (tmp_path / "kubeconfig").write_text("secret of the administrator")
    (tmp_path / "images.json").write_text(json.dumps({"agent-runtime": DIGEST}))
    return tmp_path


def config(file: Path = CHECKOUT / "Pulumi.local.yaml") -> dict[str, str]:
    """A stack's settings as the engine hands them over."""
    values = yaml.safe_load(file.read_text("utf-8"))["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def local(**settings: object) -> Graph:
    more = {f"groundwork:{key}": json.dumps(value) for key, value in settings.items()}
    return record(stacks.program, config=config() | more)


def failure(stack: str = "local", given: Mapping[str, str] | None = None) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        record(stacks.program, stack=stack, config=config() if given is None else given)
    return str(caught.value)


@pytest.mark.usefixtures("home")
def test_the_urns_of_local_are_those_on_record() -> None:
    """A name or a parent that changes makes a new resource of an old one: give it an alias, then record it anew."""
    assert sorted(resource.urn for resource in local().resources) == RECORDED.read_text("utf-8").splitlines()


@pytest.mark.usefixtures("home")
def test_the_folder_runs_as_the_program_of_the_official_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its language host runs the folder that `main` names, in whatever folder it stands."""
    monkeypatch.chdir(tmp_path)
    project = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text("utf-8"))
    graph = record(lambda: runpy.run_path(str(CHECKOUT / project["main"]), run_name="__main__"), config=config())
    assert sorted(resource.urn for resource in graph.resources) == RECORDED.read_text("utf-8").splitlines()


@pytest.mark.usefixtures("home")
def test_two_tenants_each_with_an_agent_on_its_own_port() -> None:
    graph = local()
    assert {namespace.at("metadata", "name") for namespace in graph.of("Namespace")} == {"acme", "globex"}
    assert graph.outputs == {
        "agents": {
            "acme/concierge": {
                "tenant": "acme", "agent": "concierge", "tier": "standard", "address": "http://127.0.0.1:30080"
            },
            "globex/analyst": {
                "tenant": "globex", "agent": "analyst", "tier": "heavy", "address": "http://127.0.0.1:30081"
            },
        }
    }  # fmt: skip


@pytest.mark.usefixtures("home")
def test_every_pod_of_local_is_restricted_and_by_digest() -> None:
    deployments = local().of("Deployment")
    assert len(deployments) == 2
    for deployment in deployments:
        assert violations(deployment.at("spec", "template", "spec")) == []
        assert deployment.at("spec", "template", "spec", "containers", 0, "image") == DIGEST


def test_the_provider_is_given_the_path_of_the_kubeconfig_and_never_its_content(home: Path) -> None:
    provider = local().one("kubernetes", "cluster")
    assert provider.at("kubeconfig") == str(home / "kubeconfig")
    assert "secret of the administrator" not in json.dumps(provider.inputs)


def test_another_kubeconfig_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = home / "other"
    other.write_text("")
    assert local(kubeconfig=str(other)).one("kubernetes").at("kubeconfig") == str(other)
    monkeypatch.setenv("GROUNDWORK_KUBECONFIG", str(other))
    assert local().one("kubernetes").at("kubeconfig") == str(other)


def test_images_of_the_settings_go_before_those_built_here(home: Path) -> None:
    other = DIGEST.replace("a" * 64, "b" * 64)
    (home / "images.json").unlink()
    deployment = local(images={"agent-runtime": other}).of("Deployment")[0]
    assert deployment.at("spec", "template", "spec", "containers", 0, "image") == other


@pytest.mark.parametrize("content", ["{}", None])
def test_an_image_that_was_not_built_is_named_with_the_fix(home: Path, content: str | None) -> None:
    (home / "images.json").unlink()
    if content is not None:
        (home / "images.json").write_text(content)
    error = failure()
    assert "there is no image 'agent-runtime'" in error
    assert "fix: groundwork images build agent-runtime" in error


@pytest.mark.parametrize("content", ["[]", "{", '{"agent-runtime": "agent-runtime:1"}'])
def test_a_list_of_images_that_is_none_is_refused(home: Path, content: str) -> None:
    (home / "images.json").write_text(content)
    assert "fix: groundwork images build" in failure()


def test_without_a_kubeconfig_the_error_says_how_to_get_one(home: Path) -> None:
    (home / "kubeconfig").unlink()
    error = failure()
    assert "there is no kubeconfig" in error
    assert "fix: groundwork up local" in error


@pytest.mark.usefixtures("home")
def test_an_unknown_setting_stops_the_program_before_any_resource() -> None:
    assert "exposre: unknown key" in failure(given=config() | {"groundwork:exposre": "cluster"})


@pytest.mark.parametrize("stack", ["nowhere", "local.acme"])
@pytest.mark.usefixtures("home")
def test_a_stack_that_is_none_is_refused(stack: str) -> None:
    assert repr(stack) in failure(stack, given={})


@pytest.mark.usefixtures("home")
def test_with_exposure_in_the_cluster_addresses_are_the_clusters() -> None:
    agents = [{"manifest": "agents/concierge.yaml"}]
    graph = local(exposure="cluster", tenants=[{"name": "acme", "costCentre": "a", "agents": agents}])
    assert graph.one("Service").at("spec", "type") == "ClusterIP"
    row = {"tenant": "acme", "agent": "concierge", "tier": "standard", "address": "http://concierge.acme.svc"}
    assert graph.outputs == {"agents": {"acme/concierge": row}}


@pytest.mark.usefixtures("home")
def test_settings_can_be_somewhere_else(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text((CHECKOUT / "agents" / "analyst.yaml").read_text("utf-8"))
    tenants = [{"name": "solo", "costCentre": "a", "agents": [{"manifest": "m.yaml"}]}]
    given = {"groundwork:tenants": json.dumps(tenants)}
    graph = record(lambda: declare("other", tmp_path), stack="other", config=given)
    assert graph.one("Namespace").at("metadata", "labels", "groundwork/environment") == "other"
