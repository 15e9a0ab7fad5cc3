"""The service mesh: identity for every pod, and nobody reaches anybody unless a policy says so.  (docs/mesh.md)"""

from components.mesh.access import GATEWAY, Door, Source, allow
from components.mesh.agent import AgentMesh, AgentMeshArgs
from components.mesh.charts import SIZED, Charts, ControlPlane
from components.mesh.egress import mesh_egress
from components.mesh.mesh import Mesh, MeshArgs
from components.mesh.names import AUTHORIZER_PROVIDER, INJECTION, SIDECAR
from components.mesh.tenant import TenantMesh, TenantMeshArgs

__all__ = [
    "AUTHORIZER_PROVIDER",
    "GATEWAY",
    "INJECTION",
    "SIDECAR",
    "SIZED",
    "AgentMesh",
    "AgentMeshArgs",
    "Charts",
    "ControlPlane",
    "Door",
    "Mesh",
    "MeshArgs",
    "Source",
    "TenantMesh",
    "TenantMeshArgs",
    "allow",
    "mesh_egress",
]
