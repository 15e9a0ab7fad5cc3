from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.agents.manifest import (
    TIERS,
    AgentManifest,
    EchoModel,
    ManifestError,
    OpenAIModel,
    SecretRef,
    dump,
    json_schema,
    load_manifest,
    parse_manifest,
)
from components.documents import Problem
from components.units import HostPort
from tests.components.recording import at
from tests.components.samples import FULL, manifest

CHECKOUT = Path(__file__).parents[2]
HEAD = "apiVersion: groundwork/v1\nkind: Agent\nmetadata: {name: a}\n"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "a.yaml")
    return caught.value.problems


def problem(text: str) -> Problem:
    (only,) = problems(text)
    return only


def spec(text: str) -> str:
    """A manifest with an image and the echo model, and `text` as the fourth line, in spec."""
    return f"{HEAD}spec: {{image: a, model: {{provider: echo}}, {text}}}\n"


def tool(name: str, url: str) -> str:
    return f"tools: [{{name: {name}, kind: http, url: '{url}'}}]"


def test_the_whole_shape_is_read() -> None:
    agent = parse_manifest(FULL)
    assert agent.name == "concierge"
    assert agent.metadata.labels == {"team": "front-desk"}
    assert isinstance(agent.spec.model, OpenAIModel)
    assert agent.spec.model.api_key_from == SecretRef(secret="model-key", key="token")
    assert agent.spec.model.timeout == timedelta(seconds=10)
    assert agent.spec.model.price.output_per_million_tokens == pytest.approx(0.6)
    assert agent.spec.resources.cpu == 250
    assert agent.spec.resources.memory_limit == 256 * 2**20
    assert agent.spec.limits.request_bytes == 2**20
    assert agent.spec.egress[0] == HostPort("models.example.com", 443)
    assert agent.spec.drain == timedelta(seconds=20)
    assert agent.spec.env == {"GREETING": "hello", "STORE_TOKEN": SecretRef(secret="store", key="token")}


def test_the_two_tiers() -> None:
    assert {name: tier.latency for name, tier in TIERS.items()} == {
        "standard": timedelta(milliseconds=200),
        "heavy": timedelta(seconds=1),
    }
    assert manifest(tier="heavy").tier.latency == timedelta(seconds=1)


def test_defaults_are_written_out_and_read_back() -> None:
    agent = manifest()
    assert isinstance(agent.spec.model, EchoModel)
    written = yaml.safe_load(dump(agent))
    assert written["spec"]["scaling"] == {"min": 2, "max": 4, "targetCpuPercent": 70}
    assert parse_manifest(dump(agent)) == agent


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=80)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
SPECS = st.fixed_dictionaries(
    {
        "image": NAMES,
        "model": st.fixed_dictionaries(
            {"provider": st.just("echo")},
            optional={"name": st.text("abc-1:é ", min_size=1), "thinkTime": st.sampled_from(["0s", "20ms", "1500ms"])},
        ),
    },
    optional={
        "tier": st.sampled_from(["standard", "heavy"]),
        "instructions": TEXT,
        "channels": st.fixed_dictionaries({"subscribe": st.lists(NAMES), "publish": st.lists(NAMES)}),
        "resources": st.fixed_dictionaries({"cpu": st.sampled_from(["1m", 1, 0.25]), "memory": st.integers(1, 2**40)}),
        "scaling": st.integers(1, 9).map(lambda low: {"min": low, "max": low + 3}),
        "egress": st.lists(st.builds("{}.example.com:{}".format, NAMES, st.integers(1, 65535))),
        "drain": st.integers(0, 600).map("{}s".format),
        "env": st.dictionaries(
            st.from_regex(r"[B-Z]{1,8}", fullmatch=True).filter(lambda k: not k.endswith("TOKEN")), TEXT
        ),
    },
)


@given(NAMES, TEXT, SPECS)
def test_a_manifest_survives_being_written_and_read(name: str, description: str, given_spec: dict[str, object]) -> None:
    metadata = {"name": name, "description": description}
    document = {"apiVersion": "groundwork/v1", "kind": "Agent", "metadata": metadata, "spec": given_spec}
    agent = parse_manifest(yaml.safe_dump(document, allow_unicode=True))
    assert parse_manifest(dump(agent)) == agent
    assert dump(parse_manifest(dump(agent))) == dump(agent)
    assert agent.metadata.description == description


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    for found in problems(text):
        assert found.where.startswith("a.yaml")


def test_an_unknown_key_is_named_with_its_place_and_what_was_meant() -> None:
    found = problem(spec("teir: heavy"))
    assert found.where == "a.yaml:4:43"
    assert found.what == "spec.teir: unknown key"
    assert found.allowed is not None
    assert "scaling, secrets, tier, tools" in found.allowed
    assert found.fix == "did you mean tier?"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (spec("tier: fast"), "spec.tier: 'fast' is unknown"),
        (spec("drain: 20"), "spec.drain: 20 is not a duration"),
        (spec("drain: 1h"), "spec.drain: is too long"),
        (spec("scaling: {min: 0}"), "spec.scaling.min: must be greater than or equal to 1, not 0"),
        (spec("scaling: {min: 3, max: 2}"), "spec.scaling.max: is below min (3)"),
        (spec("scaling: {min: '3'}"), "spec.scaling.min: must be a valid integer"),
        (spec("resources: {cpu: 1, limits: {cpu: 500m}}"), "spec.resources.limits.cpu: is below what is requested"),
        (spec("resources: {limits: {memory: 1Mi}}"), "spec.resources.limits.memory: is below what is requested"),
        (spec("resources: {limits: {gpu: 1}}"), "spec.resources.limits.gpu: unknown key"),
        (spec("egress: [example.com]"), "spec.egress[0]: 'example.com' is not an address"),
        (spec("env: {PORT: 1}"), "spec.env.PORT: must be text, not 1"),
        (spec("env: {AGENT_NAME: x}"), "spec.env.AGENT_NAME: 'AGENT_NAME' is not a variable of your own"),
        (spec("env: {OPENAI_API_KEY: x}"), "spec.env.OPENAI_API_KEY: looks like a secret"),
        (spec("env: {A: {secret: b, ky: c, key: d}}"), "spec.env.A.ky: unknown key"),
        (spec(tool("x", "https://x.y")), "spec.tools[0].url: x.y:443 is not in spec.egress"),
        (spec(tool("x", "https://u:p@x.y")), "spec.tools[0].url: is not an address that can be called"),
        (spec(tool("X", "http://x")), "spec.tools[0].name: 'X' is not a name"),
        (spec("channels: {subscribe: [Orders]}"), "spec.channels.subscribe[0]: 'Orders' is not a channel"),
        (spec("memory: {sessions: {store: disk}}"), "spec.memory.sessions.store: 'disk' is unknown"),
        (f"{HEAD}spec: {{model: {{provider: echo}}}}", "spec.image: is missing"),
        (f"{HEAD}spec: {{image: a, model: {{}}}}", "spec.model.provider: is missing"),
        (f"{HEAD}spec: {{image: a, model: {{provider: opnai}}}}", "spec.model.provider: opnai is unknown"),
        (f"{HEAD}spec: {{image: a, model: {{provider: echo, baseUrl: x}}}}", "spec.model.baseUrl: unknown key"),
        (f"{HEAD}spec: {{image: a, image: b, model: {{provider: echo}}}}", "image: the key stands twice"),
        (HEAD + "spec: {image: a, model: {provider: echo}}\n---\n", "a second document begins here"),
        (HEAD + "spec: &s {image: a, model: {provider: echo}, tools: [*s]}", "an alias (*name) is not allowed"),
        ("", "is empty"),
        ("a: [", "is not YAML: expected the node content, but found '<stream end>'"),
        ("- 1", "must be an object"),
        ("[" * 5000, "is nested too deeply"),
        (spec("tier: !x heavy"), "the tag !x is not allowed"),
        (spec("env: !!python/object:os.x {}"), "the tag tag:yaml.org,2002:python/object:os.x is not allowed"),
        (spec('instructions: "\\ud800"'), "has a character that is none"),
        (spec("? [a] : b"), "a key must be plain text"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(text: str, what: str) -> None:
    assert what in [found.what for found in problems(text)]


@pytest.mark.parametrize("image", ["agent-runtime:1.2", "registry.example.com:5000/team/a:latest", "a:v1@sha256"])
def test_an_image_by_tag_is_refused_with_the_reason(image: str) -> None:
    found = problem(f"{HEAD}spec: {{image: '{image}', model: {{provider: echo}}}}")
    assert found.where == "a.yaml:4:8"
    assert "digest" in f"{found.what} {found.allowed}"


def test_an_image_by_digest_or_by_name_is_taken() -> None:
    for image in ("agent-runtime", "registry.example.com:5000/team/a@sha256:" + "0" * 64):
        assert manifest(image=image).spec.image == image


def test_every_problem_is_shown_at_once_in_the_files_order() -> None:
    found = problems(f"{HEAD}spec:\n  teir: x\n  drain: 1\n  drain: 2\n  model: {{provider: echo, maxTokens: 0}}\n")
    assert [one.where for one in found] == ["a.yaml:4:1", "a.yaml:5:3", "a.yaml:6:3", "a.yaml:7:3", "a.yaml:8:27"]
    assert str(ManifestError(found)).count("a.yaml:") == 5


def test_a_value_that_may_be_a_secret_is_not_repeated() -> None:
    text = spec(
        "env: {DB_PASSWORD: hunter2, TOKEN: hunter2}, tools: [{name: x, kind: http, url: 'https://u:hunter2@x'}]"
    )
    assert "hunter2" not in str(ManifestError(problems(text)))
    openai = "{provider: openai, name: x, baseUrl: 'https://a.b', apiKeyFrom: hunter2}"
    assert "hunter2" not in str(ManifestError(problems(f"{HEAD}spec: {{image: a, model: {openai}}}")))


def test_words_that_yaml_1_1_takes_for_something_else_stay_text() -> None:
    assert manifest().spec.env == {}
    agent = parse_manifest(spec("env: {B: yes, C: 12:30, D: 2026-01-01}"))
    assert agent.spec.env == {"B": "yes", "C": "12:30", "D": "2026-01-01"}
    assert yaml.safe_load(dump(agent))["spec"]["env"] == agent.spec.env


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    (tmp_path / "long.yaml").write_text("#" * (512 * 1024 + 1))
    for name, what in (("absent.yaml", "cannot be read"), ("latin.yaml", "is not UTF-8"), ("long.yaml", "is too long")):
        with pytest.raises(ManifestError, match=what):
            load_manifest(tmp_path / name)


def test_the_written_schema_is_the_models() -> None:
    written = json.loads((CHECKOUT / "docs" / "agent-manifest.schema.json").read_text("utf-8"))
    assert written == json_schema(), "run: groundwork agent schema > docs/agent-manifest.schema.json"


def test_the_schema_spells_defaults_as_the_file_does() -> None:
    properties = at(json_schema(), "$defs", "Spec", "properties")
    assert at(properties, "drain", "default") == "20s"
    assert at(properties, "resources", "default", "memory") == "128Mi"


def test_the_repositorys_manifests_and_templates_are_good() -> None:
    files = [*CHECKOUT.glob("tenants/*/agents/*.yaml"), *CHECKOUT.glob("components/agents/templates/*.yaml")]
    assert len(files) >= 4
    for file in files:
        text = file.read_text("utf-8").replace("NAME", "someone")
        assert isinstance(parse_manifest(text, file.name), AgentManifest)


def test_the_runtime_image_needs_pydantic_and_yaml_only() -> None:
    program = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"groundwork", "pulumi", "pulumi_kubernetes", "typer", "local", "stacks"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from components.agents.manifest import parse_manifest
print(parse_manifest(sys.stdin.read()).name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], input=FULL, capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert done.stdout == "concierge\n"
