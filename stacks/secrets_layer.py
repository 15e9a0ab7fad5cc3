"""The layer `secrets`: OpenBao, External Secrets and the database whose users OpenBao makes.  (docs/secrets.md)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.paths import Paths
from stacks.layers import chart
from stacks.secrets_settings import SecretsSettings

if TYPE_CHECKING:
    import pulumi

    from components.secrets.server import KmsSeal
    from components.storage import Storage
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

    wanted, unsealed_by = environment.settings.secrets, seal(environment)
    openbao = OpenBao(
        "openbao",
        OpenBaoArgs(
            environment=environment.name,
            image=environment.image(program(unsealed_by)),
            storage=storage(environment, NAMESPACE, wanted, ("data", "audit")),
            replicas=wanted.replicas,
            seal=unsealed_by,
            apart=environment.settings.aws is not None,
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
    if wanted.postgres:
        database = PostgresArgs(
            environment=environment.name,
            image=environment.image("postgres"),
            storage=storage(environment, DATA, wanted, ("data",)),
        )
        Postgres("postgres", database, opts)


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


def program(unsealed_by: KmsSeal | None) -> str:
    """The image of OpenBao that can be unsealed so."""
    return "openbao" if unsealed_by is None or unsealed_by.plugin is not None else "openbao-kms"


def storage(environment: Environment, namespace: str, wanted: SecretsSettings, parts: tuple[str, ...]) -> Storage:
    """Folders of the node that this project made, otherwise the cluster's own provisioner."""
    from components.storage import Storage

    folder = str(Paths.for_user().volumes) if environment.own_node else None
    return Storage(namespace=namespace, size=wanted.size, parts=parts, class_name=wanted.storage_class, folder=folder)
