"""What unseals OpenBao in AWS: a key of its own, and the right to use that one.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.aws import Scope, document, statement
from components.cluster.pod_identity import PodIdentityArgs, pod_identity
from components.secrets.aws import COMPONENT, Purpose, alias, key_for
from components.secrets.names import NAMESPACE, OPENBAO

# All that OpenBao's seal calls: its documentation, "AWS KMS seal", authentication.
USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt")
PURPOSE = Purpose(description="OpenBao's seal")


def key_alias(scope: Scope) -> str:
    """What OpenBao's configuration calls the key, known before the key is made."""
    return alias(scope, OPENBAO)


@dataclass(frozen=True, kw_only=True)
class UnsealingArgs:
    """`cluster_name`: where OpenBao runs. `deletion_days`: how long a deleted key can be had back, 7 to 30."""

    scope: Scope
    cluster_name: pulumi.Input[str]
    deletion_days: int = 30


class Unsealing(pulumi.ComponentResource):
    """The key, and the role of OpenBao's service account, which may use it and nothing else.

    It belongs to the environment and not to the layer: without the key, what OpenBao's volumes hold is lost.
    """

    def __init__(self, name: str, args: UnsealingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Unsealing", name, None, opts)
        scope = args.scope
        key = key_for(self, name, scope, PURPOSE, OPENBAO, args.deletion_days)
        identity = PodIdentityArgs(
            scope=scope,
            component=COMPONENT,
            part=OPENBAO,
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            account=OPENBAO,
            policy=key.apply(rights),
        )
        pod_identity(name, identity, self)
        self.register_outputs({})


def rights(key: str) -> str:
    """What the role may do, with a key by its ARN."""
    return document(statement(USE, key, sid="Unseal"))
