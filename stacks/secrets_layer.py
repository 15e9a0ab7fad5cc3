"""The layer `secrets`: OpenBao, External Secrets and the database whose users OpenBao makes.  (docs/secrets.md)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.paths import Paths
from local.record import Way
from stacks.layers import chart
from stacks.secrets_settings import KmsSettings, SecretsSettings

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

    wanted = environment.settings.secrets
    openbao = OpenBao(
        "openbao",
        OpenBaoArgs(
            environment=environment.name,
            image=environment.image("openbao"),
            storage=storage(environment, NAMESPACE, wanted, ("data", "audit")),
            replicas=wanted.replicas,
            seal=seal(wanted.kms) if wanted.kms else None,
        ),
        opts,
    )
    inside = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[openbao.namespace]))
    controller = ExternalSecretsArgs(
        environment=environment.name,
        chart=chart("external-secrets", "external-secrets"),
        image=environment.image("external-secrets"),
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


def seal(wanted: KmsSettings) -> KmsSeal:
    """What OpenBao is unsealed by."""
    from components.secrets.server import KmsPlugin, KmsSeal

    plugin = KmsPlugin(path=wanted.plugin.path, sha256=wanted.plugin.sha256) if wanted.plugin else None
    return KmsSeal(key_id=wanted.key_id, region=wanted.region, plugin=plugin)


def storage(environment: Environment, namespace: str, wanted: SecretsSettings, parts: tuple[str, ...]) -> Storage:
    """Folders of the node that this project made, otherwise the cluster's own provisioner."""
    from components.storage import Storage
    from stacks.environment import find_way

    ours = find_way(environment.kubeconfig) is not Way.KUBECONFIG
    folder = str(Paths.for_user().volumes) if ours else None
    return Storage(namespace=namespace, size=wanted.size, parts=parts, class_name=wanted.storage_class, folder=folder)
