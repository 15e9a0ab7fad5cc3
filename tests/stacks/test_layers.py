"""Layers: stacks of their own on an environment, chosen by its settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pulumi
import pytest

from groundwork.errors import UserError
from local.answer import missing
from local.images.catalogue import names
from stacks import layers, settings
from stacks.dispatch import declare
from stacks.environment import Environment
from stacks.preflight import check_part
from tests.components.recording import at, record
from tests.components.samples import DIGEST

SETTINGS = "config:\n  groundwork:domain: groundwork.test\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment `other` whose layer `policy` exports what it was given."""
    module = ModuleType("a_layer")

    def declared(environment: Environment, opts: pulumi.ResourceOptions) -> None:
        assert opts.provider is not None
        pulumi.export("seen", [environment.name, environment.images["opa"]])

    module.declare = declared  # type: ignore[attr-defined]  # what a layer's module has
    monkeypatch.setitem(sys.modules, "a_layer", module)
    for place in (layers, settings):
        monkeypatch.setattr(place, "MODULES", {"policy": "a_layer"})
    home = tmp_path / "home"
    home.mkdir()
    (home / "kubeconfig").write_text("")
    (home / "images.json").write_text(json.dumps({"opa": DIGEST}))
    monkeypatch.setenv("GROUNDWORK_HOME", str(home))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)
    return tmp_path


def test_a_chosen_layer_is_declared_with_its_environment(checkout: Path) -> None:
    (checkout / "Pulumi.other.yaml").write_text(SETTINGS + "  groundwork:layers: [policy]\n")
    check_part("other", "policy", checkout)
    graph = record(lambda: declare("other.policy", checkout), stack="other.policy")
    assert graph.outputs == {"seen": ["other", DIGEST]}


def test_a_layer_that_is_not_chosen_is_refused_with_the_fix(checkout: Path) -> None:
    (checkout / "Pulumi.other.yaml").write_text(SETTINGS)
    for refused in (
        lambda: check_part("other", "policy", checkout),
        lambda: record(lambda: declare("other.policy", checkout), stack="other.policy"),
    ):
        with pytest.raises(UserError, match="has no layer 'policy'") as caught:
            refused()
        assert "groundwork:layers in Pulumi.other.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [("[nothing]", "'nothing' is not a layer"), ("[policy, policy]", "policy stands twice")],
)
def test_wrong_layers_are_refused(checkout: Path, chosen: str, problem: str) -> None:
    (checkout / "Pulumi.other.yaml").write_text(f"{SETTINGS}  groundwork:layers: {chosen}\n")
    with pytest.raises(UserError, match=problem):
        check_part("other", "policy", checkout)


def test_an_image_that_only_a_layer_runs_comes_with_that_layer() -> None:
    known = ["agent-runtime", "gatekeeper", "loki", "openbao", "prometheus"]
    assert layers.images_of((), known) == ["agent-runtime"]
    assert layers.images_of(("admission",), known) == ["agent-runtime", "gatekeeper"]
    assert layers.images_of(("secrets",), known) == ["agent-runtime", "openbao"]
    known += ["openbao-kms", "vault"]
    assert layers.images_of(("secrets",), known) == ["agent-runtime", "openbao"]
    assert layers.images_of(("secrets",), known, "vault") == ["agent-runtime", "vault"]
    assert layers.images_of((), known, "vault") == ["agent-runtime"]
    assert layers.images_of(("observability",), known) == ["agent-runtime", "loki", "prometheus"]


def test_every_layers_images_have_a_dockerfile() -> None:
    assert {image for images in layers.IMAGES.values() for image in images} <= set(names())


@pytest.mark.parametrize("more", ["", ", kms: {keyId: alias/a, region: eu-west-1}"])
def test_secrets_are_held_by_the_server_that_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    (tmp_path / "kubeconfig").write_text("")
    (tmp_path / "images.json").write_text(json.dumps({name: by_digest(name) for name in layers.IMAGES["secrets"]}))
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)
    chosen = f"  groundwork:layers: [secrets]\n  groundwork:secrets: {{server: vault{more}}}\n"
    (tmp_path / "Pulumi.other.yaml").write_text(SETTINGS + chosen)
    graph = record(lambda: declare("other.secrets", tmp_path), stack="other.secrets")
    container = at(graph.one("StatefulSet", "openbao").inputs, "spec", "template", "spec", "containers", 0)
    assert (at(container, "image"), at(container, "command", 2)) == (by_digest("vault"), "vault")


def by_digest(name: str) -> str:
    return DIGEST.replace("agent-runtime", name)


def test_observability_tells_the_table_of_up_what_it_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {name: DIGEST.replace("agent-runtime", name) for name in layers.IMAGES["observability"]}
    (tmp_path / "kubeconfig").write_text("")
    (tmp_path / "images.json").write_text(json.dumps(images))
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    monkeypatch.delenv("GROUNDWORK_KUBECONFIG", raising=False)

    def told(more: str) -> set[str]:
        chosen = "  groundwork:layers: [observability]\n"
        (tmp_path / "Pulumi.other.yaml").write_text(SETTINGS + chosen + more)
        graph = record(lambda: declare("other.observability", tmp_path), stack="other.observability")
        return set(missing(graph.outputs))

    assert told("") == {"grafana", "tempo"}
    tempo = DIGEST.replace("agent-runtime", "tempo")
    assert told(f"  groundwork:observability: {{tempo: '{tempo}'}}\n") == {"grafana"}
