from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import ExitCode, UserError
from stacks.preflight import check
from stacks.settings import Settings, from_config, from_file, known_environments, settings_file

CHECKOUT = Path(__file__).parents[2]
TENANTS = '[{"name":"acme","costCentre":"a","agents":[{"manifest":"agents/concierge.yaml"}]}]'


def written(folder: Path, text: str) -> Path:
    file = folder / "Pulumi.local.yaml"
    file.write_text(f"encryptionsalt: v1:abc\nconfig:\n{text}")
    return file


def refusal(folder: Path, text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        from_file(written(folder, text))
    assert caught.value.code is ExitCode.USAGE
    return caught.value


def test_the_file_and_the_engines_configuration_mean_the_same(tmp_path: Path) -> None:
    text = f"  aws:region: eu-west-1\n  groundwork:exposure: cluster\n  groundwork:tenants: {TENANTS}\n"
    file = written(tmp_path, text)
    config = {"aws:region": "eu-west-1", "groundwork:exposure": "cluster", "groundwork:tenants": TENANTS}
    assert from_file(file) == from_config(config, file)
    assert from_config(config, tmp_path / "absent.yaml") == from_file(file)


def test_defaults() -> None:
    settings = from_config({"groundwork:tenants": "[]"}, Path("Pulumi.none.yaml"))
    assert settings == Settings(tenants=())
    assert settings.exposure == "cluster"
    assert settings.kubeconfig is None
    assert settings.images is None


def test_an_unknown_setting_is_named_with_its_place_and_what_was_meant(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"  groundwork:tenants: {TENANTS}\n  groundwork:exposre: cluster\n")
    assert error.where == "Pulumi.local.yaml:4:3"
    assert error.what == "exposre: unknown key"
    assert error.allowed == "clusterNetworks, exposure, images, kubeconfig, tenants"
    assert error.fix == "did you mean exposure?"


def test_the_engines_configuration_is_checked_in_the_same_way(tmp_path: Path) -> None:
    file = written(tmp_path, f"  groundwork:tenants: {TENANTS}\n  groundwork:exposre: cluster\n")
    with pytest.raises(UserError) as caught:
        from_config({"groundwork:tenants": TENANTS, "groundwork:exposre": "cluster"}, file)
    assert str(caught.value) == str(
        refusal(tmp_path, f"  groundwork:tenants: {TENANTS}\n  groundwork:exposre: cluster\n")
    )


AGENT = "{manifest: m.yaml"
TAKEN = "{manifest: m.yaml, nodePort: 30080}"
OTHER = "{manifest: n.yaml, nodePort: 30080}"
NODE_PORT = "  groundwork:exposure: node-port\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("  groundwork:exposure: cluster\n", "tenants: is missing"),
        ("  groundwork:exposure: everyone\n  groundwork:tenants: []\n", "exposure: 'everyone' is unknown"),
        ("  groundwork:tenants: acme\n", "tenants: must be a valid array"),
        ("  groundwork:tenants: [{name: Acme, costCentre: a}]\n", "tenants[0].name: 'Acme' is not a name"),
        ("  groundwork:tenants: [{name: kube-x, costCentre: a}]\n", "tenants[0].name: kube-x is the cluster's own"),
        ("  groundwork:tenants: [{name: a}]\n", "tenants[0].costCentre: is missing"),
        ("  groundwork:tenants: [{name: a, costCentre: a, quta: {}}]\n", "tenants[0].quta: unknown key"),
        (
            "  groundwork:tenants: [{name: a, costCentre: a}, {name: a, costCentre: a}]\n",
            "tenants[1].name: a stands twice",
        ),
        (
            f"  groundwork:tenants: [{{name: a, costCentre: a, agents: [{AGENT}, nodePort: 80}}]}}]\n",
            "tenants[0].agents[0].nodePort: must be greater than or equal to 30000, not 80",
        ),
        (
            f"  groundwork:tenants: [{{name: a, costCentre: a, agents: [{AGENT}, nodePort: 30080}}]}}]\n",
            "tenants[0].agents[0].nodePort: has no use where exposure is cluster",
        ),
        (
            f"{NODE_PORT}  groundwork:tenants: [{{name: a, costCentre: a, agents: [{AGENT}}}]}}]\n",
            "tenants[0].agents[0].nodePort: is missing where exposure is node-port",
        ),
        (
            f"{NODE_PORT}  groundwork:tenants: [{{name: a, costCentre: a, agents: [{TAKEN}, {OTHER}]}}]\n",
            "tenants[0].agents[1].nodePort: 30080 is taken by a's m.yaml",
        ),
        (
            "  groundwork:tenants: []\n  groundwork:clusterNetworks: [10.1.1.1/8]\n",
            "clusterNetworks[0]: '10.1.1.1/8' is not a network",
        ),
        ("  groundwork:tenants: []\n  groundwork:tenants: []\n", "tenants: the key stands twice"),
        ("  groundwork:tenants: [\n", "is not YAML: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(tmp_path: Path, text: str, what: str) -> None:
    error = refusal(tmp_path, text)
    assert error.what == what
    assert error.where is not None
    assert error.where.startswith("Pulumi.local.yaml:")


def test_every_mistake_is_shown_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, "  groundwork:exposure: x\n  groundwork:tenants: 1\n  groundwork:more: 2\n")
    assert str(error).count("Pulumi.local.yaml:") == 3


def test_an_environment_without_settings_is_refused_with_those_that_have(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "Pulumi.yaml").write_text("name: groundwork\n")
    assert known_environments(tmp_path) == ["local"]
    with pytest.raises(UserError, match="no environment 'locl'") as caught:
        settings_file("locl", tmp_path)
    assert caught.value.allowed == "local"


def test_the_repositorys_own_settings_pass_the_preflight() -> None:
    check("local")
    assert [tenant.name for tenant in from_file(CHECKOUT / "Pulumi.local.yaml").tenants] == ["acme", "globex"]


def test_the_preflight_finds_a_manifest_that_is_wrong_or_absent(tmp_path: Path) -> None:
    written(tmp_path, f"  groundwork:tenants: {TENANTS}\n")
    with pytest.raises(UserError, match="cannot be read") as caught:
        check("local", tmp_path)
    assert caught.value.where == "agents/concierge.yaml"
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "concierge.yaml").write_text("kind: Agent\n")
    with pytest.raises(UserError, match="problems"):
        check("local", tmp_path)
