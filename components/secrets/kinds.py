"""The two servers that can hold the secrets, and all in which one differs from the other.  (docs/secrets.md)

OpenBao began as a copy of HashiCorp Vault: what is not named here is the same to both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import JsonValue

AUDIT = "/var/log/openbao"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A device that each request and each answer is written to. `path`: its name, with a slash at its end."""

    path: str
    options: Mapping[str, str]

    def body(self) -> dict[str, JsonValue]:
        """As both the configuration file and the API take it."""
        return {"type": "file", "options": {**self.options}}


# Two: the server answers nothing that it cannot write down, so that one that fails must not stop it.
AUDITS: Sequence[Audit] = (
    Audit(path="volume/", options={"file_path": f"{AUDIT}/audit.log", "mode": "0600"}),
    Audit(path="output/", options={"file_path": "stdout"}),
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the two, and its own ways.

    `name`: in settings, and of its image; `called`: for people; `program`: in the image; `prefix`: of its variables;
    `unsealed`: the label that it sets on its pod. `file`, `listener`, `metrics`: what its configuration has beside the
    common part: as a whole, of the API's listener, and of that of metrics. `audits`: the devices that only the API
    enables. `rekey`, `recover`: where new shares are asked for, below `sys`: those that unseal, those that recover.
    `plugin`: whether a program of its image can be what speaks to AWS KMS.
    """

    name: str
    called: str
    program: str
    prefix: str
    unsealed: Mapping[str, str]
    file: Mapping[str, JsonValue]
    listener: Mapping[str, JsonValue]
    metrics: Mapping[str, JsonValue]
    audits: Sequence[Audit]
    rekey: str
    recover: str
    plugin: bool

    @property
    def tls_metrics(self) -> bool:
        """Whether its port of metrics asks for TLS."""
        return "tls_disable" not in self.metrics


OPENBAO = Kind(
    name="openbao",
    called="OpenBao",
    program="bao",
    prefix="BAO_",
    unsealed=MappingProxyType({"openbao-sealed": "false"}),
    file=MappingProxyType({"audit": [{"type": "file", "path": each.path, **each.body()} for each in AUDITS]}),
    # The threshold of shares is the last way in once root is revoked; it is only reached from within.
    listener=MappingProxyType({"disable_unauthed_generate_root_endpoints": False}),
    # Nothing but metrics, so that a scraper needs neither a token nor the way to the API.
    metrics=MappingProxyType(
        {"tls_disable": True, "telemetry": {"unauthenticated_metrics_access": True, "metrics_only": True}}
    ),
    audits=(),
    rekey="rotate/root",
    recover="rotate/recovery",
    plugin=True,
)

VAULT = Kind(
    name="vault",
    called="HashiCorp Vault",
    program="vault",
    prefix="VAULT_",
    unsealed=MappingProxyType({"vault-sealed": "false"}),
    # Locking all of its memory needs a capability that no pod has here; with raft it must be said. The other is 2.0's:
    # the threshold of shares is the last way in.
    file=MappingProxyType({"disable_mlock": True, "enable_unauthenticated_access": ["generate-root"]}),
    listener=MappingProxyType({}),
    # It has no port for metrics alone: what speaks the API has TLS.
    metrics=MappingProxyType({"telemetry": {"unauthenticated_metrics_access": True}}),
    audits=AUDITS,
    rekey="rekey",
    recover="rekey-recovery-key",
    plugin=False,
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in (OPENBAO, VAULT)})
