from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import ExitCode, UserError
from stacks.preflight import check
from stacks.settings import Settings, from_config, from_file, known_environments, settings_file
from tests.components.samples import DIGEST

CHECKOUT = Path(__file__).parents[2]
DOMAIN = "  groundwork:domain: groundwork.test\n"


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
    text = f"  aws:region: eu-west-1\n  groundwork:tenants: [acme]\n{DOMAIN}"
    file = written(tmp_path, text)
    config = {
        "aws:region": "eu-west-1",
        "groundwork:domain": "groundwork.test",
        "groundwork:tenants": '["acme"]',
    }
    assert from_file(file) == from_config(config, file)
    assert from_config(config, tmp_path / "absent.yaml") == from_file(file)


def test_defaults() -> None:
    settings = from_config({"groundwork:domain": "example.com"}, Path("Pulumi.none.yaml"))
    assert settings == Settings(domain="example.com", tenants=(), kubeconfig=None, images=None)


def test_an_unknown_setting_is_named_with_its_place_and_what_was_meant(tmp_path: Path) -> None:
    error = refusal(tmp_path, f"{DOMAIN}  groundwork:tenant: acme\n")
    assert error.where == "Pulumi.local.yaml:4:3"
    assert error.what == "tenant: unknown key"
    assert error.allowed == (
        "admission, aws, bills, clusterNetworks, dns, domain, images, kubeconfig, layers, observability, rollout, "
        "secrets, tenants"
    )
    assert error.fix == "did you mean tenants?"


def test_the_engines_configuration_is_checked_in_the_same_way(tmp_path: Path) -> None:
    text = f"{DOMAIN}  groundwork:tenant: acme\n"
    file = written(tmp_path, text)
    with pytest.raises(UserError) as caught:
        from_config({"groundwork:domain": "groundwork.test", "groundwork:tenant": "acme"}, file)
    assert str(caught.value) == str(refusal(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("  groundwork:tenants: []\n", "domain: is missing"),
        ("  groundwork:domain: nowhere\n", "domain: 'nowhere' is not a host's name"),
        ("  groundwork:domain: 10.0.0.1\n", "domain: '10.0.0.1' is not a host's name"),
        (f"{DOMAIN}  groundwork:tenants: acme\n", "tenants: must be a valid array"),
        (f"{DOMAIN}  groundwork:tenants: [Acme]\n", "tenants[0]: 'Acme' is not a name"),
        (f"{DOMAIN}  groundwork:tenants: [a, b, a]\n", "tenants[2]: a stands twice"),
        (f"{DOMAIN}  groundwork:clusterNetworks: [10.1.1.1/8]\n", "clusterNetworks[0]: '10.1.1.1/8' is not a network"),
        (
            f"{DOMAIN}  groundwork:layers: [admission]\n  groundwork:images: {{a: b}}\n",
            "bills: admission lets in what signed bills list, and these images are not built here",
        ),
        (f"{DOMAIN}{DOMAIN}", "domain: the key stands twice"),
        ("  groundwork:tenants: [\n", "is not YAML: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(tmp_path: Path, text: str, what: str) -> None:
    error = refusal(tmp_path, text)
    assert error.what == what
    assert error.where is not None
    assert error.where.startswith("Pulumi.local.yaml:")


def test_every_mistake_is_shown_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, "  groundwork:images: x\n  groundwork:tenants: 1\n  groundwork:more: 2\n")
    assert str(error).count("Pulumi.local.yaml:") == 4


def test_an_environment_without_settings_is_refused_with_those_that_have(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "Pulumi.yaml").write_text("name: groundwork\n")
    (tmp_path / "Pulumi.local.acme.yaml").write_text("config: {}\n")  # of a tenant's stack
    assert known_environments(tmp_path) == ["local"]
    with pytest.raises(UserError, match="no environment 'locl'") as caught:
        settings_file("locl", tmp_path)
    assert caught.value.allowed == "local"


def test_the_repositorys_own_settings_pass_the_preflight() -> None:
    assert check("local").tenants == ("acme", "globex")


def test_the_preflight_finds_a_tenant_that_is_absent_or_wrong(tmp_path: Path) -> None:
    written(tmp_path, f"{DOMAIN}  groundwork:tenants: [acme]\n")
    with pytest.raises(UserError, match="no tenant 'acme'") as caught:
        check("local", tmp_path)
    assert caught.value.where == "tenants/acme/tenant.yaml"
    agents = tmp_path / "tenants" / "acme" / "agents"
    agents.mkdir(parents=True)
    (tmp_path / "tenants" / "acme" / "tenant.yaml").write_text("name: acme\n")
    (agents / "concierge.yaml").write_text("kind: Agent\n")
    with pytest.raises(UserError, match="problems") as caught:
        check("local", tmp_path)
    assert "tenants/acme/tenant.yaml:1:1: costCentre: is missing" in str(caught.value)
    assert "tenants/acme/agents/concierge.yaml:1:1: spec: is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("secrets", "key", "what", "allowed"),
    [
        ("server: consul", "secrets.server", "'consul'", "openbao or vault"),
        (
            f"server: vault, kms: {{keyId: alias/a, region: eu-west-1, plugin: {{path: /p, sha256: '{'ab' * 32}'}}}}",
            "secrets.kms.plugin",
            "'/p': secrets.server is vault, which speaks to KMS by itself",
            "none",
        ),
    ],
)
def test_a_server_of_secrets_is_one_of_two_and_what_it_does_not_have_is_refused(
    tmp_path: Path, secrets: str, key: str, what: str, allowed: str
) -> None:
    error = refusal(tmp_path, f"{DOMAIN}  groundwork:secrets: {{{secrets}}}\n")
    assert key in error.what
    assert what in error.what
    assert error.allowed == allowed


@pytest.mark.parametrize(("server", "named"), [("openbao", "vault"), ("vault", "openbao")])
def test_the_other_server_s_image_is_refused(tmp_path: Path, server: str, named: str) -> None:
    text = f"  groundwork:layers: [secrets]\n  groundwork:secrets: {{server: {server}}}\n{DOMAIN}"
    error = refusal(tmp_path, f"{text}  groundwork:images: {{{named}: {DIGEST}}}\n")
    assert f"images.{named}" in error.what
    assert f"secrets.server is {server}, which has no image here" in error.what
    assert error.allowed == f"an image {server}, or secrets.server: {named}"
    assert from_file(written(tmp_path, f"{text}  groundwork:images: {{openbao: {DIGEST}, vault: {DIGEST}}}\n")).images
