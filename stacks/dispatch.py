"""From a stack's name to what it is made of."""

from __future__ import annotations

from pathlib import Path

from pulumi.runtime.config import CONFIG, get_config_env

from groundwork.errors import UserError
from local.paths import CHECKOUT
from stacks.environment import Environment
from stacks.settings import PREFIX, from_config, settings_file


def declare(stack: str, folder: Path = CHECKOUT) -> None:
    """Declare the resources of `stack`, an environment's name. Raises UserError."""
    if "." in stack:
        raise UserError(what=f"{stack!r}: a tenant has no stack of its own yet", allowed="the name of an environment")
    config = {key: str(value) for key, value in (get_config_env() | CONFIG.get()).items()}
    file = folder / f"Pulumi.{stack}.yaml"
    if not any(key.startswith(PREFIX) for key in config):
        file = settings_file(stack, folder)
    Environment.of(stack, from_config(config, file), folder).build()
