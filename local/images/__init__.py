"""Images without a registry: built here, named by digest, loaded into the node. (docs/images.md)"""

from local.images.build import build, name_without_building
from local.images.catalogue import names, usual

ALL = names()

__all__ = ["ALL", "build", "name_without_building", "names", "usual"]
