"""The layers of an environment: what serves all tenants and has a stack of its own, `<env>.<layer>`.  (decision 12)"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from components.secrets.kinds import KINDS, OPENBAO
from groundwork.errors import UserError

if TYPE_CHECKING:
    from stacks.environment import Environment

# No tenant may have such a name: the stack would be the layer's.
RESERVED = ("secrets", "observability", "admission", "policy")
# Layer → the module whose `declare(environment, opts)` makes it. Imported only when its stack is run.
MODULES: Mapping[str, str] = MappingProxyType(
    {
        "secrets": "stacks.secrets_layer",
        "observability": "stacks.observability",
        "admission": "stacks.admission_layer",
    }
)

# Layer → the images that nobody else runs.
IMAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "secrets": ("external-secrets", *KINDS, "postgres", "secret-rotator"),
        "admission": ("gatekeeper",),
        "observability": ("alertmanager", "collector", "loki", "prometheus", "traces"),
    }
)
# What no environment on this machine runs: OpenBao's last version that unseals by AWS KMS without a plugin, and what
# tells CloudWatch and X-Ray.
ELSEWHERE = ("openbao-kms", "ecs-collector")


def images_of(chosen: Collection[str], known: Iterable[str], server: str = OPENBAO.name) -> list[str]:
    """Those of the known images that an environment on this machine runs with the chosen layers.

    `server`: what holds its secrets.
    """
    others = {image for layer, images in IMAGES.items() if layer not in chosen for image in images}
    idle = others | {*ELSEWHERE} | (KINDS.keys() - {server})
    return [image for image in known if image not in idle]


def chart(program: str, name: str) -> str:
    """A chart that comes with the module of a program, beside what is built from it."""
    from local.paths import Paths
    from local.toolchain import PROGRAMS, pins

    return str(pins.folder(PROGRAMS[program].pin, Paths.for_user().toolchain) / "charts" / name)


def is_layer(name: str) -> bool:
    """Whether the second part of a stack's name is a layer's and not a tenant's."""
    return name in RESERVED


def require_layer(environment: str, layer: str, chosen: tuple[str, ...]) -> None:
    """Raise UserError where the environment's settings do not choose this layer."""
    if layer not in chosen:
        raise UserError(
            what=f"environment {environment!r} has no layer {layer!r}",
            allowed=", ".join(chosen) or "none is chosen",
            fix=f"add it to groundwork:layers in Pulumi.{environment}.yaml",
        )


def declare_layer(layer: str, environment: Environment) -> None:
    """Declare a layer's resources. Raises UserError."""
    import pulumi

    require_layer(environment.name, layer, environment.settings.layers)
    opts = pulumi.ResourceOptions(provider=environment.provider())
    importlib.import_module(MODULES[layer]).declare(environment, opts)
