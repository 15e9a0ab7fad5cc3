"""The local Kubernetes node: real, or simulated where containers cannot run. (docs/local-node.md)"""

from local.node.node import Status, down, status, up
from local.node.preflight import check
from local.node.settings import Kind, NodeSettings

__all__ = ["Kind", "NodeSettings", "Status", "check", "down", "status", "up"]
