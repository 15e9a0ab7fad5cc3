"""Names and certificates: the environment's zones, its wildcard, and tenants' own domains.  (docs/domains.md)"""

from components.domains.custom import CustomDomain, CustomDomainArgs
from components.domains.interface import Domains, Zone
from components.domains.kubernetes import AcmeArgs, KubernetesDomains, KubernetesDomainsArgs

__all__ = [
    "AcmeArgs",
    "CustomDomain",
    "CustomDomainArgs",
    "Domains",
    "KubernetesDomains",
    "KubernetesDomainsArgs",
    "Zone",
]
