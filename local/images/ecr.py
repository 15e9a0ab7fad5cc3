"""Where images of an environment in AWS go: its account's registry, with credentials that end by themselves."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from local.images.registries import Registries
from stacks.aws_images import FOLDER, registry
from stacks.aws_settings import AwsSettings
from stacks.settings import from_file, settings_file


@contextmanager
def destination(environment: str | None, to: str | None, checkout: Path) -> Iterator[tuple[str, Registries]]:
    """The registry with its folder, and how it is asked: `to`, or that of an environment. Raises UserError."""
    if to is not None or environment is None:
        yield (to or "").rstrip("/"), Registries()
        return
    settings = from_file(settings_file(environment, checkout))
    if settings.aws is None:
        raise UserError(
            what=f"{environment} is not in AWS",
            where=f"Pulumi.{environment}.yaml",
            fix="name a registry: --to HOST/FOLDER",
        )
    own = registry(settings.aws)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"  # the name that cosign and syft look for
        write_atomically(file, json.dumps({"auths": {own: {"auth": _credentials(settings.aws)}}}), mode=0o600)
        yield f"{own}/{FOLDER}", Registries(authfile=file)


def _credentials(aws: AwsSettings) -> str:
    """Of ECR, for twelve hours, by whoever AWS says that we are; of another account they are refused."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        given = boto3.client("ecr", region_name=aws.region).get_authorization_token()["authorizationData"][0]
        account = boto3.client("sts", region_name=aws.region).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise UserError(what=f"ECR gives no credentials: {error}", where=aws.region, code=ExitCode.ERROR) from None
    if account != aws.account:
        raise UserError(
            what=f"these credentials are of account {account}", allowed=f"{aws.account}, as the settings say"
        )
    return str(given["authorizationToken"])
