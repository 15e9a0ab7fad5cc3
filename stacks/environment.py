"""What an environment is made of: its cluster's provider, and all that its tenants share.  (docs/environments.md)"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.units import is_by_digest
from groundwork.errors import UserError
from local import record
from local.paths import Paths
from local.record import Way
from stacks.settings import Settings
from stacks.shared import Shared

if TYPE_CHECKING:
    import pulumi
    from pulumi_kubernetes import Provider


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment's name and settings, with what they point to. `folder`: where paths in them begin.

    `kubeconfig`: None in AWS, where the environment's own stack has it.
    """

    name: str
    settings: Settings
    folder: Path
    kubeconfig: Path | None
    images: Mapping[str, str]

    @classmethod
    def of(cls, name: str, settings: Settings, folder: Path) -> Environment:
        """Find the kubeconfig and the images that the settings ask for. Raises UserError."""
        if settings.aws is None:
            file = find_kubeconfig(settings, folder)
            return cls(name=name, settings=settings, folder=folder, kubeconfig=file, images=_images(settings))
        from stacks.aws_images import images_of

        images = images_of(settings, settings.aws)
        return cls(name=name, settings=settings, folder=folder, kubeconfig=given_kubeconfig(), images=images)

    @property
    def way(self) -> Way:
        """How the cluster came to be."""
        return Way.KUBECONFIG if self.kubeconfig is None else find_way(self.kubeconfig)

    @property
    def own_node(self) -> bool:
        """Whether the environment is this machine's own node, simulated or not: its folders and processes are ours."""
        return self.settings.aws is None and self.way is not Way.KUBECONFIG

    def provider(self) -> Provider:
        """The cluster's provider, for a stack that stands on the environment's."""
        return cluster(self.kubeconfig or shared_of(self.name).require_output("kubeconfig"))

    def image(self, name: str) -> str:
        """The reference by digest of one of this environment's images. Raises UserError."""
        return find_image(self.images, name)

    def build(self) -> None:
        """Declare the environment's resources, and the outputs that its tenants' stacks read."""
        import pulumi

        provider = self.provider()
        shared = Shared(
            environment=self.name,
            domain=self.settings.domain,
            dns=self.settings.dns,
            images=self.images,
            way=self.way,
        )
        shared.declare(pulumi.ResourceOptions(provider=provider))
        pulumi.export("images", dict(self.images))


def find_image(images: Mapping[str, str], name: str) -> str:
    """An image's reference by digest. Raises UserError where there is none of this name."""
    if name not in images:
        raise UserError(
            what=f"there is no image {name!r}",
            allowed=", ".join(sorted(images)) or "none is built yet",
            fix=f"groundwork images build {name}",
        )
    return images[name]


def find_way(kubeconfig: Path) -> Way:
    """How the cluster of this kubeconfig came to be: `groundwork up` made it, or it was there."""
    made = record.read(Paths.for_user())
    return made.way if made is not None and made.kubeconfig == kubeconfig.resolve() else Way.KUBECONFIG


def cluster(kubeconfig: Path | pulumi.Output[str]) -> Provider:
    """The provider of the environment's cluster, for its own stack and those on it.

    `kubeconfig`: a file, or what EKS is reached by, in which nothing is secret.
    """
    from pulumi_kubernetes import Provider

    # The path and never the content of a file: that would put the administrator's key into the state.
    text = str(kubeconfig) if isinstance(kubeconfig, Path) else kubeconfig
    return Provider("cluster", kubeconfig=text, enable_server_side_apply=True)


def shared_of(environment: str) -> pulumi.StackReference:
    """What the environment's own stack gives to those that stand on it."""
    import pulumi

    return pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{environment}")


def given_kubeconfig() -> Path | None:
    """What GROUNDWORK_KUBECONFIG names, in the place of the cluster that EKS makes. Raises UserError."""
    given = os.environ.get("GROUNDWORK_KUBECONFIG")
    if given is None:
        return None
    file = Path(given)
    if not file.is_file():
        raise UserError(what="there is no kubeconfig", where=given, fix="unset GROUNDWORK_KUBECONFIG")
    return file


def find_kubeconfig(settings: Settings, folder: Path) -> Path:
    """What `groundwork up --kubeconfig` said, otherwise the setting, otherwise the local node's. Raises UserError."""
    given = os.environ.get("GROUNDWORK_KUBECONFIG") or settings.kubeconfig
    file = folder / Path(given).expanduser() if given else Paths.for_user().kubeconfig
    if not file.is_file():
        raise UserError(
            what="there is no kubeconfig",
            where=str(file),
            allowed="the setting groundwork:kubeconfig, or a local node's own",
            fix="groundwork up local",
        )
    return file


def _images(settings: Settings) -> Mapping[str, str]:
    """Name → reference by digest: what the settings say, otherwise what was built on this machine."""
    if settings.images is not None:
        found, where = settings.images, "groundwork:images"
    else:
        file = Paths.for_user().image_digests
        found, where = _built(file), str(file)
    for name, reference in found.items():
        if not is_by_digest(reference):
            raise UserError(
                what=f"image {name}: {reference!r} is not by digest",
                where=where,
                allowed="repository/name@sha256:…",
                fix=f"groundwork images build {name}",
            )
    return found


def _built(file: Path) -> dict[str, str]:
    try:
        content: object = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(what="is not a list of images", where=str(file), fix="groundwork images build")
    return {str(name): str(reference) for name, reference in content.items()}
