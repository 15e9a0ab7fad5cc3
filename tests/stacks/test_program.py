"""The program as the engine would run it, against mocks: an environment's stack and a tenant's."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pytest
import yaml

import stacks
from local.images.catalogue import names
from stacks.dispatch import declare
from stacks.tenant import pick
from tests.components.pod_security import violations
from tests.components.recording import Graph, record
from tests.components.samples import DIGEST

CHECKOUT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent
UP = {"state": "up"}
OBJECT = "groundwork.internal/v1alpha1:Tenant"
IMAGES = dict.fromkeys(names(), DIGEST)
OUTPUTS = {"organization/groundwork/local": {"images": IMAGES}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder with a kubeconfig and an image."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("GROUNDWORK_HOME", str(folder))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)
    (folder / "kubeconfig").write_text("secret of the administrator")
    (folder / "images.json").write_text(json.dumps(IMAGES))
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's settings and tenants, to be changed."""
    shutil.copytree(CHECKOUT / "tenants", tmp_path / "tenants")
    shutil.copy(CHECKOUT / "Pulumi.local.yaml", tmp_path)
    return tmp_path


def config(file: Path = CHECKOUT / "Pulumi.local.yaml") -> dict[str, str]:
    """A stack's settings as the engine hands them over."""
    values = yaml.safe_load(file.read_text("utf-8"))["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def local(**settings: object) -> Graph:
    more = {f"groundwork:{key}": json.dumps(value) for key, value in settings.items()}
    return record(stacks.program, config=config() | more)


def tenant(name: str = "acme", folder: Path = CHECKOUT, **settings: object) -> Graph:
    given = {f"groundwork:{key}": json.dumps(value) for key, value in settings.items()}
    return record(lambda: declare(f"local.{name}", folder), stack=f"local.{name}", config=given, references=OUTPUTS)


def failure(stack: str = "local", given: Mapping[str, str] | None = None) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        record(stacks.program, stack=stack, config=config() if given is None else given, references=OUTPUTS)
    return str(caught.value)


def recorded(stack: str) -> list[str]:
    return (RECORDED / f"urns.{stack}.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("stack", ["local", "local.acme", "local.globex"])
@pytest.mark.usefixtures("home")
def test_the_urns_of_a_stack_are_those_on_record(stack: str) -> None:
    """A name or a parent that changes makes a new resource of an old one: give it an alias, then record it anew."""
    given = config() if stack == "local" else {}
    graph = record(stacks.program, stack=stack, config=given, references=OUTPUTS)
    assert sorted(resource.urn for resource in graph.resources) == recorded(stack)


@pytest.mark.parametrize("stack", ["local", "local.acme"])
@pytest.mark.usefixtures("home")
def test_the_folder_runs_as_the_program_of_the_official_cli(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its language host runs the folder that `main` names, in whatever folder it stands."""
    monkeypatch.chdir(tmp_path)
    project = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text("utf-8"))
    graph = record(
        lambda: runpy.run_path(str(CHECKOUT / project["main"]), run_name="__main__"),
        stack=stack,
        config=config() if stack == "local" else {},
        references=OUTPUTS,
    )
    assert sorted(resource.urn for resource in graph.resources) == recorded(stack)


@pytest.mark.usefixtures("home")
def test_an_environment_has_no_tenants_resource_and_passes_on_its_images() -> None:
    graph = local()
    assert graph.outputs == {"images": IMAGES}
    namespaces = {namespace.at("metadata", "name") for namespace in graph.of("Namespace")}
    assert "groundwork-gateway" in namespaces
    assert namespaces.isdisjoint({"acme", "globex"})


@pytest.mark.usefixtures("home")
def test_a_tenant_has_its_agents_at_its_own_name() -> None:
    graph = tenant()
    assert [namespace.at("metadata", "name") for namespace in graph.of("Namespace")] == ["acme"]
    row = {
        "tenant": "acme",
        "agent": "concierge",
        "tier": "standard",
        "address": "https://acme.groundwork.test/agents/concierge",
    } | UP
    assert graph.outputs == {"agents": {"acme/concierge": row}}


@pytest.mark.usefixtures("home")
def test_the_gateway_is_told_what_the_folder_says() -> None:
    issuers = [{"issuer": "https://id.acme.example", "audiences": ["agents"], "jwksUri": "https://id.acme.example/k"}]
    spec = tenant(issuers=issuers, flags={"beta": True}).one(OBJECT).at("spec")
    assert spec == {
        "hosts": ["acme.groundwork.test"],
        "issuers": issuers,
        "rateLimit": {"requestsPerSecond": 200},
        "flags": {"beta": True},
        "branding": {"title": "Acme Hotels"},
    }


@pytest.mark.usefixtures("home")
def test_a_suspended_tenant_has_everything_but_pods() -> None:
    whole, graph = tenant(), tenant(suspended={"reason": "unpaid"})
    assert graph.one(OBJECT).at("spec", "suspended") == {"reason": "unpaid"}
    assert graph.one("Deployment").at("spec", "replicas") == 0
    gone = {resource.urn for resource in whole.resources} - {resource.urn for resource in graph.resources}
    assert [urn.rpartition("$")[2].split("::")[0] for urn in gone] == [
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
    ]


@pytest.mark.parametrize("name", ["acme", "globex"])
@pytest.mark.usefixtures("home")
def test_every_pod_is_restricted_and_by_the_digest_that_the_environment_passes_on(name: str) -> None:
    deployment = tenant(name).one("Deployment")
    assert violations(deployment.at("spec", "template", "spec")) == []
    assert deployment.at("spec", "template", "spec", "containers", 0, "image") == DIGEST


def test_the_provider_is_given_the_path_of_the_kubeconfig_and_never_its_content(home: Path) -> None:
    for graph in (local(), tenant()):
        provider = graph.one("kubernetes", "cluster")
        assert provider.at("kubeconfig") == str(home / "kubeconfig")
        assert "secret of the administrator" not in json.dumps(provider.inputs)


def test_another_kubeconfig_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = home / "other"
    other.write_text("")
    assert local(kubeconfig=str(other)).one("kubernetes").at("kubeconfig") == str(other)
    monkeypatch.setenv("GROUNDWORK_KUBECONFIG", str(other))
    assert local().one("kubernetes").at("kubeconfig") == str(other)


def test_images_of_the_settings_go_before_those_built_here(home: Path) -> None:
    others = dict.fromkeys(names(), DIGEST.replace("a" * 64, "b" * 64))
    (home / "images.json").unlink()
    assert local(images=others, layers=[]).outputs["images"] == others


def test_an_image_that_was_not_built_is_named_with_the_fix() -> None:
    assert pick("agent-runtime", "concierge", {"agent-runtime": DIGEST}) == DIGEST
    with pytest.raises(pulumi.RunError) as caught:
        pick("agent-runtime", "concierge", {})
    assert "agent concierge: there is no image 'agent-runtime'" in str(caught.value)
    assert "fix: groundwork images build agent-runtime" in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "{", '{"agent-runtime": "agent-runtime:1"}'])
def test_a_list_of_images_that_is_none_is_refused(home: Path, content: str) -> None:
    (home / "images.json").write_text(content)
    assert "fix: groundwork images build" in failure()


@pytest.mark.parametrize("stack", ["local", "local.acme"])
def test_without_a_kubeconfig_the_error_says_how_to_get_one(home: Path, stack: str) -> None:
    (home / "kubeconfig").unlink()
    error = failure(stack, None if stack == "local" else {})
    assert "there is no kubeconfig" in error
    assert "fix: groundwork up local" in error


@pytest.mark.usefixtures("home")
def test_an_unknown_setting_stops_the_program_before_any_resource() -> None:
    assert "exposre: unknown key" in failure(given=config() | {"groundwork:exposre": "cluster"})
    assert "suspnded: unknown key" in failure("local.acme", {"groundwork:suspnded": "{}"})


@pytest.mark.parametrize(("stack", "named"), [("nowhere", "nowhere"), ("nowhere.acme", "nowhere"), ("local.no", "no")])
@pytest.mark.usefixtures("home")
def test_a_stack_that_is_none_is_refused(stack: str, named: str) -> None:
    assert repr(named) in failure(stack, given={})


@pytest.mark.usefixtures("home")
def test_settings_can_be_somewhere_else(checkout: Path) -> None:
    (checkout / "Pulumi.local.yaml").rename(checkout / "Pulumi.other.yaml")
    references = {"organization/groundwork/other": {"images": IMAGES}}
    graph = record(lambda: declare("other.acme", checkout), stack="other.acme", references=references)
    assert graph.one("Namespace").at("metadata", "labels", "groundwork/environment") == "other"
