"""From a stack's name to what it is made of: `<env>` an environment, `<env>.<layer>` one of its layers,
`<env>.<tenant>` one of its tenants."""

from __future__ import annotations

from pathlib import Path

from pulumi.runtime.config import CONFIG, get_config_env

from local.paths import CHECKOUT
from stacks.aws_environment import AwsEnvironment
from stacks.environment import Environment
from stacks.layers import declare_layer, is_layer
from stacks.settings import PREFIX, decoded, from_config, from_file, settings_file, stack_file
from stacks.tenant import TenantStack
from stacks.tenant_settings import read_tenant


def declare(stack: str, folder: Path = CHECKOUT) -> None:
    """Declare the resources of `stack`. Raises UserError."""
    config = {key: str(value) for key, value in (get_config_env() | CONFIG.get()).items()}
    environment, _, part = stack.partition(".")
    file = stack_file(stack, folder)
    if part:
        settings = from_file(settings_file(environment, folder))
        if is_layer(part):
            declare_layer(part, Environment.of(environment, settings, folder))
            return
        declared = read_tenant(part, folder, decoded(config), file)
        TenantStack.of(environment, settings, declared, folder).build()
        return
    if not any(key.startswith(PREFIX) for key in config):
        file = settings_file(stack, folder)
    settings = from_config(config, file)
    if settings.aws is not None:
        AwsEnvironment.of(stack, settings, settings.aws, folder).build()
        return
    Environment.of(stack, settings, folder).build()
