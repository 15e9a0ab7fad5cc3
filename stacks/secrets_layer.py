"""The layer `secrets`: OpenBao, External Secrets and the database whose users OpenBao makes.  (docs/secrets.md)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.paths import Paths
from stacks.layers import chart
from stacks.secrets_settings import SecretsSettings, SnapshotSettings

if TYPE_CHECKING:
    import pulumi

    from components.data.place import DatabasePlace
    from components.secrets.server import KmsSeal
    from components.secrets.snapshots import SnapshotsArgs
    from components.storage import Storage
    from stacks.aws_settings import AwsSettings
    from stacks.environment import Environment


def declare(environment: Environment, opts: pulumi.ResourceOptions) -> None:
    """Declare the layer."""
    import pulumi

    from components.data.names import NAMESPACE as DATA
    from components.data.postgres import Postgres, PostgresArgs
    from components.secrets.external_secrets import ExternalSecrets, ExternalSecretsArgs
    from components.secrets.names import NAMESPACE
    from components.secrets.openbao import OpenBao, OpenBaoArgs
    from components.secrets.rotator import Rotator, RotatorArgs
    from components.secrets.snapshots import Snapshots

    wanted, unsealed_by = environment.settings.secrets, seal(environment)
    openbao = OpenBao(
        "openbao",
        OpenBaoArgs(
            environment=environment.name,
            image=environment.image(image(wanted, unsealed_by)),
            storage=storage(environment, NAMESPACE, wanted, ("data", "audit")),
            replicas=wanted.replicas,
            seal=unsealed_by,
            apart=environment.settings.aws is not None,
            database=database(environment),
            kind=wanted.kind,
        ),
        opts,
    )
    inside = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[openbao.namespace]))
    controller = ExternalSecretsArgs(
        environment=environment.name,
        chart=chart("external-secrets", "external-secrets"),
        image=environment.image("external-secrets"),
        replicas=wanted.controllers,
    )
    ExternalSecrets("external-secrets", controller, inside)
    Rotator(
        "secret-rotator", RotatorArgs(environment=environment.name, image=environment.image("secret-rotator")), inside
    )
    if wanted.snapshots is not None:
        Snapshots("openbao-snapshots", snapshots(environment, wanted.snapshots), inside)
    if wanted.postgres is True:
        own = PostgresArgs(
            environment=environment.name,
            image=environment.image("postgres"),
            storage=storage(environment, DATA, wanted, ("data",)),
        )
        Postgres("postgres", own, opts)


def database(environment: Environment) -> DatabasePlace | None:
    """Where OpenBao makes users outside the cluster; None where it makes none there."""
    from stacks.environment import shared_of

    aws = environment.settings.aws
    if environment.settings.secrets.postgres != "rds" or aws is None:
        return None
    return outside(aws, shared_of(environment.name))


def outside(aws: AwsSettings, shared: pulumi.StackReference) -> DatabasePlace:
    """RDS as the environment's own stack made it. Raises UserError where its certificate cannot be checked."""
    from components.data.place import OUTSIDE_DATABASE, DatabasePlace, rds_root
    from components.network.plan import Tier, plan

    made = shared.require_output("database")
    subnets = plan(aws.network.cidr, aws.network.zones)
    return DatabasePlace(
        host=made["address"],
        name=OUTSIDE_DATABASE,
        authority=rds_root(aws.region),
        networks=[subnet.network for subnet in subnets if subnet.tier is Tier.DATA],
        secret=made["secretArn"],
    )


def snapshots(environment: Environment, wanted: SnapshotSettings) -> SnapshotsArgs:
    """To the bucket that the environment's own stack has made."""
    from components.secrets.snapshot_store import bucket_name
    from components.secrets.snapshots import SnapshotsArgs
    from stacks.aws_environment import scope_of

    aws = environment.settings.aws
    assert aws is not None  # noqa: S101 – the settings refuse it (layer_problems.py)
    return SnapshotsArgs(
        environment=environment.name,
        image=environment.image("secret-rotator"),
        bucket=bucket_name(scope_of(environment.name, aws)),
        region=aws.region,
        account=aws.account,
        every=wanted.every,
    )


def seal(environment: Environment) -> KmsSeal | None:
    """What OpenBao is unsealed by: in AWS the environment's own key, otherwise what the settings say."""
    from components.secrets.server import KmsPlugin, KmsSeal

    wanted, aws = environment.settings.secrets.kms, environment.settings.aws
    plugin = wanted.plugin if wanted else None
    program = KmsPlugin(path=plugin.path, sha256=plugin.sha256) if plugin else None
    if aws is not None:
        from components.secrets.unsealing import key_alias
        from stacks.aws_environment import scope_of

        alias = key_alias(scope_of(environment.name, aws))
        return KmsSeal(key_id=alias, region=aws.region, plugin=program, pod_identity=True)
    if wanted is None or wanted.key_id is None or wanted.region is None:
        return None
    return KmsSeal(key_id=wanted.key_id, region=wanted.region, plugin=program)


def image(wanted: SecretsSettings, unsealed_by: KmsSeal | None) -> str:
    """The image of the server that settings name, which can be unsealed so."""
    without = unsealed_by is not None and unsealed_by.plugin is None
    return "openbao-kms" if without and wanted.kind.plugin else wanted.kind.name


def storage(environment: Environment, namespace: str, wanted: SecretsSettings, parts: tuple[str, ...]) -> Storage:
    """Folders of the node that this project made, otherwise the cluster's own provisioner."""
    from components.storage import Storage

    folder = str(Paths.for_user().volumes) if environment.own_node else None
    return Storage(namespace=namespace, size=wanted.size, parts=parts, class_name=wanted.storage_class, folder=folder)
