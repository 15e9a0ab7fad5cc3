"""The mesh's side of trust: istiod's Secret, and what every proxy holds just now."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509
from pydantic import JsonValue, TypeAdapter

from components.mesh.names import GATEWAY_NAMESPACE, PROXY, SECRETS_QUESTION
from groundwork.errors import UserError
from local.authority.certificates import Authority, fingerprint, leads_to, parse_all
from local.cluster import Cluster

NAMESPACE = "istio-system"
SECRET = "cacerts"  # noqa: S105 – a name
BUNDLE = "istio-ca-root-cert"
OURS = {"app.kubernetes.io/part-of": "groundwork"}
_AT_A_TIME = 8
_MONITORING = 15014
_ENDS = "citadel_server_cert_chain_expiry_timestamp"
_Object = TypeAdapter(dict[str, JsonValue])

# What Envoy calls its own certificate, and the roots that it trusts.
_WORKLOAD = ("default", "ROOTCA")


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """What one proxy holds: fingerprints of the roots it trusts, and of the intermediate above its own certificate.

    `serial`: of its own certificate, in hex digits. `answers`: false where it did not say, so that nothing is known.
    """

    pod: str
    trusts: frozenset[str]
    signer: str | None
    serial: str | None = None
    answers: bool = True


@dataclass(frozen=True, kw_only=True)
class MeshTrust:
    """Reads and writes trust in a cluster."""

    cluster: Cluster

    def secret(self) -> Mapping[str, str] | None:
        """The files of istiod's Secret as text; None where there is none."""
        found = self.cluster.get("secret", SECRET, NAMESPACE)
        data = found.get("data") if found else None
        if not isinstance(data, Mapping):
            return None
        return {str(key): base64.b64decode(str(value)).decode() for key, value in data.items()}

    def write(self, intermediate: Authority, bundle: str) -> None:
        """Write istiod's Secret, with its namespace where that is not there yet. The key goes over a pipe."""
        files = {
            "ca-cert.pem": intermediate.certificate,
            "ca-key.pem": intermediate.key,
            # All that stands between a pod's certificate and the root, which proxies have from the bundle.
            "cert-chain.pem": intermediate.certificate + intermediate.above,
            "root-cert.pem": bundle,
        }
        if self.cluster.get("namespace", NAMESPACE) is None:
            own = {"name": NAMESPACE, "labels": OURS}
            self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": own})
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": SECRET,
                    "namespace": NAMESPACE,
                    "labels": OURS,
                },
                "type": "Opaque",
                "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
            }
        )
        self._hurry(fingerprint(intermediate.parsed()))

    def _hurry(self, signer: str) -> None:
        """Have the kubelet bring the Secret at once: it looks when a pod has changed, and else every minute or so."""
        note = f"groundwork/signer={signer[:16]}"
        with suppress(UserError):  # one that ends just now; the others get it a little later
            self.cluster.do("annotate", "pods", "-l", "app=istiod", "-n", NAMESPACE, "--overwrite", note)

    def gateways(self, root: x509.Certificate) -> list[str]:
        """The gateway's certificates whose chain ends at `root`: those that OpenBao signed below it."""
        found = self.cluster.items("secrets", GATEWAY_NAMESPACE)
        return sorted(
            name
            for name, pem in map(_served, found)
            if len(chain := parse_all(pem) if pem else []) > 1 and leads_to(chain, root)
        )

    def remove(self) -> None:
        """Delete the Secret, with its namespace where that is ours."""
        found = self.cluster.get("namespace", NAMESPACE)
        meta = found.get("metadata") if found else None
        labels = meta.get("labels") if isinstance(meta, Mapping) else None
        if isinstance(labels, Mapping) and OURS.items() <= labels.items():
            self.cluster.delete("namespace", NAMESPACE, NAMESPACE)

    def published(self) -> frozenset[str]:
        """The roots that istiod tells pods of; empty where it has told none."""
        found = self.cluster.get("configmap", BUNDLE, NAMESPACE)
        data = found.get("data") if found else None
        pem = data.get("root-cert.pem") if isinstance(data, Mapping) else None
        return frozenset(map(fingerprint, parse_all(str(pem)))) if pem else frozenset()

    def signers_end(self) -> set[int]:
        """When the intermediates end that the istiods sign with, in seconds since 1970; 0 for one that does not say."""
        return {self._signer_ends(str(pod)) for pod in self.cluster.names("pods", NAMESPACE, "app=istiod")}

    def _signer_ends(self, pod: str) -> int:
        try:
            metrics = self.cluster.raw(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{_MONITORING}/proxy/metrics")
        except UserError:
            return 0  # it begins or ends just now: whoever waits asks again
        found = re.search(rf"^{_ENDS}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)
        return int(float(found[1])) if found else 0

    def proxies(self) -> list[Proxy]:
        """Every proxy of a pod that runs and is to go on running, asked one by one. Raises UserError."""
        with ThreadPoolExecutor(max_workers=_AT_A_TIME) as pool:
            return list(pool.map(lambda pod: self.proxy(*pod), self._pods()))

    def _pods(self) -> list[tuple[str, str]]:
        return [
            (str(meta["namespace"]), str(meta["name"]))
            for pod in self.cluster.items("pods")
            if _has_proxy(pod) and isinstance(meta := pod["metadata"], Mapping)
        ]

    def proxy(self, namespace: str, name: str) -> Proxy:
        """What the proxy of one pod holds."""
        try:
            answer = self.cluster.execute(name, namespace, PROXY, SECRETS_QUESTION)
        except UserError:
            # It ended while the others were asked, or it begins or ends just now: whoever waits asks again.
            return Proxy(pod=f"{namespace}/{name}", trusts=frozenset(), signer=None, answers=False)
        return read_secrets(f"{namespace}/{name}", answer)


def read_secrets(pod: str, answer: str) -> Proxy:
    """What Envoy's own list of secrets says. Private keys are not in it."""
    trusts: frozenset[str] = frozenset()
    signer = serial = None
    for secret in _secrets(json.loads(answer)):
        for key, path in (("validation_context", "trusted_ca"), ("tls_certificate", "certificate_chain")):
            pem = _inline(secret, key, path)
            if pem and path == "trusted_ca":
                trusts = frozenset(map(fingerprint, pem))
            elif pem and len(pem) > 1:
                serial, signer = f"{pem[0].serial_number:x}", fingerprint(pem[1])
    return Proxy(pod=pod, trusts=trusts, signer=signer, serial=serial)


def _secrets(dump: object) -> Iterator[Mapping[str, object]]:
    found = dump.get("configs") if isinstance(dump, Mapping) else None
    for entry in found if isinstance(found, list) else []:
        secret = entry.get("secret") if isinstance(entry, Mapping) else None
        # The gateway holds those of its hosts beside them, which OpenBao may have signed.
        if isinstance(secret, Mapping) and secret.get("name") in _WORKLOAD:
            yield secret


def _inline(secret: Mapping[str, object], key: str, path: str) -> list[x509.Certificate]:
    context = secret.get(key)
    source = context.get(path) if isinstance(context, Mapping) else None
    value = source.get("inline_bytes") if isinstance(source, Mapping) else None
    return parse_all(base64.b64decode(str(value)).decode()) if value else []


def _served(secret: Mapping[str, object]) -> tuple[str, str]:
    """The name of a Secret, and the chain in it, PEM."""
    meta, held = _Object.validate_python(secret["metadata"]), secret.get("data")
    text = held.get("tls.crt") if isinstance(held, Mapping) else None
    return str(meta["name"]), base64.b64decode(str(text)).decode() if text else ""


def _has_proxy(pod: Mapping[str, object]) -> bool:
    meta, spec, status = (_Object.validate_python(pod[part]) for part in ("metadata", "spec", "status"))
    if status.get("phase") != "Running" or "deletionTimestamp" in meta:
        return False
    containers = [spec.get("initContainers"), spec.get("containers")]
    names = {c.get("name") for group in containers if isinstance(group, list) for c in group if isinstance(c, dict)}
    return PROXY in names
