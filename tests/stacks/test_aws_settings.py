"""What an AWS environment's settings refuse, each with its place, what is wrong and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from groundwork.errors import UserError
from stacks.settings import Settings, from_file

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = ["dev", "staging", "prod", "ecs"]


def changed(folder: Path, environment: str, path: str, value: object) -> Path:
    """A copy of an environment's file with one setting changed; a path through `groundwork:aws`, or `domain`."""
    document = yaml.safe_load((CHECKOUT / f"Pulumi.{environment}.yaml").read_text("utf-8"))
    config = document["config"]
    *above, key = path.split(".")
    place = config["groundwork:aws"] if path != "domain" else config
    for part in above:
        place = place.setdefault(part, {})
    place[key if path != "domain" else "groundwork:domain"] = value
    file = folder / f"Pulumi.{environment}.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def refusal(folder: Path, environment: str, path: str, value: object) -> UserError:
    with pytest.raises(UserError) as caught:
        from_file(changed(folder, environment, path, value))
    return caught.value


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_environments_settings_are_valid(environment: str) -> None:
    settings = from_file(CHECKOUT / f"Pulumi.{environment}.yaml")
    assert settings.aws is not None
    assert len(settings.aws.network.zones) == 3


def every() -> list[Settings]:
    return [from_file(CHECKOUT / f"Pulumi.{environment}.yaml") for environment in ENVIRONMENTS]


def test_no_two_environments_share_a_network_or_an_account() -> None:
    found = [settings.aws for settings in every() if settings.aws is not None]
    networks = {aws.network.cidr for aws in found}
    assert len({aws.account for aws in found}) == len(networks) == len(ENVIRONMENTS)
    for aws in found:
        assert {aws.network.cidr, *aws.network.peers} == networks


def test_accounts_are_those_that_aws_documents_as_examples() -> None:
    """A committed account of somebody's would be found by everybody, and used by mistake."""
    examples = {"111122223333", "444455556666", "123456789012", "777788889999"}
    assert {settings.aws.account for settings in every() if settings.aws} <= examples


@pytest.mark.parametrize(
    ("environment", "path", "value", "key", "said", "allowed"),
    [
        ("prod", "network.cidr", "10.10.0.0/16", "network.cidr", "10.10.0.0/16 overlaps 10.10.0.0/16", "apart"),
        ("prod", "network.cidr", "10.0.0.0/8", "network.cidr", "10.0.0.0/8 cannot be", "/16 and /20"),
        ("prod", "cluster.serviceCidr", "10.30.4.0/22", "serviceCidr", "10.30.4.0/22 overlaps 10.30.0.0/16", "apart"),
        ("prod", "network.zones", ["eu-west-1a", "eu-west-1b"], "network.zones", "there are 2", "3 or 4 zones"),
        (
            "prod",
            "network.zones",
            ["eu-west-1a", "eu-west-1b", "eu-central-1a"],
            "network.zones",
            "eu-central-1a is not in eu-west-1",
            "eu-west-1a",
        ),
        ("prod", "cluster.nodeGroups.platform.instanceTypes", ["m9.huge"], "instanceTypes", "'m9.huge' is not", "m7g"),
        (
            "prod",
            "cluster.nodeGroups.platform.instanceTypes",
            ["m7g.large", "m7i.large"],
            "instanceTypes",
            "two architectures",
            "Graviton alone",
        ),
        ("prod", "database.instanceClass", "db.tiny", "instanceClass", "'db.tiny' is not", "db.t4g.medium"),
        ("prod", "cache.nodeType", "cache.m1.small", "nodeType", "'cache.m1.small' is not", "cache.t4g.small"),
        (
            "prod",
            "domain",
            "agents.example.com",
            "domain",
            "agents.example.com is not in the zone",
            "groundwork.example",
        ),
        ("prod", "domain", "xgroundwork.example", "domain", "xgroundwork.example is not in the zone", "below it"),
        ("prod", "cluster.version", "1.20", "version", "'1.20' is not", "1.35"),
        ("prod", "cluster.publicAccess", ["0.0.0.0/0"], "publicAccess", "opens the API server", "or none"),
        ("prod", "backup.copyRegion", "eu-west-1", "backup.copyRegion", "is the environment's own", "another region"),
        ("dev", "backup.lockDays", 8, "backup.lockDays", "is above days", "at most 7"),
        ("prod", "account", "12345", "account", "'12345' is not an account", "twelve digits"),
        ("prod", "network.endpoints", ["s4"], "endpoints", "'s4' is not", "ecr.api"),
        ("prod", "gateway.maxReplicas", 2, "gateway.maxReplicas", "is below replicas (3)", "3 or more"),
        (
            "ecs",
            "network.endpoints",
            ["ecr.api", "logs"],
            "network.endpoints",
            "ecr.dkr, secretsmanager, xray is missing",
            "ecr",
        ),
        ("ecs", "mesh", {"replicas": 2}, "mesh", "is for cluster.kind eks, and this is ecs", "Service Connect"),
        ("ecs", "gateway", {"replicas": 3}, "gateway", "is for cluster.kind eks, and this is ecs", "Service Connect"),
    ],
)
def test_a_wrong_setting_is_refused(  # noqa: PLR0913, PLR0917 – a row of the table
    tmp_path: Path, environment: str, path: str, value: object, key: str, said: str, allowed: str
) -> None:
    error = refusal(tmp_path, environment, path, value)
    assert key in error.what
    assert said in error.what
    assert allowed in str(error.allowed)
    assert str(error.where).startswith(f"Pulumi.{environment}.yaml:")
