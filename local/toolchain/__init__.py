"""The programs this project runs, pinned, and built here where the machine does not have them. (docs/toolchain.md)"""

from local.toolchain.programs import CHARTS, ENGINE, IMAGES, LOCAL_NODE, PROGRAMS, SIMULATED
from local.toolchain.toolchain import Toolchain, ensure
from local.toolchain.vendor import vendor_kubernetes_plugin, vendor_plugin, vendor_pulumi

__all__ = [
    "CHARTS",
    "ENGINE",
    "IMAGES",
    "LOCAL_NODE",
    "PROGRAMS",
    "SIMULATED",
    "Toolchain",
    "ensure",
    "vendor_kubernetes_plugin",
    "vendor_plugin",
    "vendor_pulumi",
]
