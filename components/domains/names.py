"""Names that the parts of domains point to each other by."""

from __future__ import annotations

NAMESPACE, NAME = "groundwork-domains", "domains"
SELECTOR = {"app.kubernetes.io/name": NAME}
# Who keeps an object: this label says so, of a Domain that the command line made.
MANAGED_BY, BY_HAND = "app.kubernetes.io/managed-by", "groundwork-cli"
# The certificate of the platform's own authority, without its key.
AUTHORITY_CERTIFICATE = "authority-certificate"
# What `groundwork` tells the operator of OpenBao, once it signs (images/domains/domains_operator/openbao.py).
OPENBAO_CONFIG = "openbao"
# The ConfigMaps, with their keys, that have whom a client is to trust: the operator's authority; the mesh's roots.
TRUST = ((AUTHORITY_CERTIFICATE, "ca.crt"), (OPENBAO_CONFIG, "roots.crt"))
