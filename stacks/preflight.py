"""What can be checked with no engine, cluster or image: settings, tenants' folders, agents' manifests."""

from __future__ import annotations

from pathlib import Path

from local.paths import CHECKOUT
from stacks.layers import is_layer, require_layer
from stacks.settings import Settings, decoded_file, from_file, settings_file, stack_file
from stacks.tenant_settings import TenantFolder, read_tenant


def check(environment: str, folder: Path = CHECKOUT) -> Settings:
    """The environment's settings; UserError for what the user must mend in them or in the tenants that they name."""
    settings = from_file(settings_file(environment, folder))
    for tenant in settings.tenants:
        check_tenant(environment, tenant, folder)
    return settings


def is_in_aws(stack: str, folder: Path = CHECKOUT) -> bool:
    """Whether a stack's environment is in AWS. Raises UserError."""
    return from_file(settings_file(stack.partition(".")[0], folder)).aws is not None


def check_part(environment: str, part: str, folder: Path = CHECKOUT) -> None:
    """What stands on an environment and has a stack of its own: a layer of it, or a tenant. Raises UserError."""
    if is_layer(part):
        require_layer(environment, part, check(environment, folder).layers)
    else:
        check_tenant(environment, part, folder)


def check_tenant(environment: str, tenant: str, folder: Path = CHECKOUT) -> TenantFolder:
    """A tenant as this environment has it, from its folder and the environment's own values. Raises UserError."""
    file = stack_file(f"{environment}.{tenant}", folder)
    return read_tenant(tenant, folder, decoded_file(file), file)
