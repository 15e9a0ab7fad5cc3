"""Which versions of a tenant's agents there are while one bill takes another's place.  (docs/promotion.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.agents.manifest import AgentManifest
from components.units import is_by_digest
from groundwork.errors import UserError
from stacks.rollout import Rollout
from stacks.settings import decoded_file, stack_file
from stacks.tenant_settings import TenantFolder, known_tenants, read_tenant


@dataclass(frozen=True, kw_only=True)
class Version:
    """A manifest and the image that its name of one stands for, by digest."""

    manifest: AgentManifest
    image: str


def versions(
    rollout: Rollout, serving: TenantFolder | None, wanted: TenantFolder, images: Mapping[str, str]
) -> list[tuple[Version, Version | None]]:
    """Each agent as it is to be now, and its candidate.

    `serving`: the tenant as the bill that serves has it, None where it has none; `images`: of the bill that is wanted.
    An agent that stays as it is has no candidate, nor one that is new: nobody asks it yet. One that is to go stays
    until the end. Raises UserError where a bill has no such image.
    """
    old = _versions(serving, rollout.images) if serving is not None else {}
    new = _versions(wanted, images)
    found: list[tuple[Version, Version | None]] = []
    for name, version in (old | new).items():
        before = old.get(name, version)
        if before == version or name not in new:
            found.append((before, None))
        else:
            found.append((version if rollout.replaced else before, version))
    return found


def serving_tenant(rollout: Rollout, environment: str, tenant: str) -> TenantFolder | None:
    """A tenant as the bill that serves has it; None where it has none. Raises UserError."""
    checkout = Path(rollout.checkout)
    if tenant not in known_tenants(checkout):
        return None
    file = stack_file(f"{environment}.{tenant}", checkout)
    return read_tenant(tenant, checkout, decoded_file(file), file)


def _versions(tenant: TenantFolder, images: Mapping[str, str]) -> dict[str, Version]:
    return {manifest.name: Version(manifest=manifest, image=_image(manifest, images)) for manifest in tenant.agents}


def _image(manifest: AgentManifest, images: Mapping[str, str]) -> str:
    image = manifest.spec.image
    if is_by_digest(image):
        return image
    if image not in images:
        raise UserError(
            what=f"agent {manifest.name}: the bill has no image {image!r}", allowed=", ".join(sorted(images))
        )
    return images[image]
