"""Two tenants' namespaces with what an agent's secrets are made of, and a client of the database in each."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from components.agents.manifest import Secret
from components.labels import pod_security
from components.secrets.names import STORE, TENANT_ACCOUNT
from components.secrets.store import (
    GENERATORS,
    GROUP,
    DeliveredArgs,
    TenantStoreArgs,
    credentials_spec,
    secret_spec,
    store_spec,
)
from groundwork.waiting import wait_until
from local.secrets.install import Place
from tests.cluster.node import kubectl

SYNC_SECONDS = 240.0
CLIENT = "client"
# Each line: how the request went. What psql says of one that failed is kept, and never holds a password. The kubelet
# replaces all files by one link: user and password count where that was the same before and after they were read.
_LOOP = """
cd /run/secrets/agent/database
while true; do
  read_from=$(readlink ..data); u=$(cat username); echo "*:*:*:$u:$(cat password)" > /tmp/pass; chmod 600 /tmp/pass
  [ "$read_from" = "$(readlink ..data)" ] || continue
  if PGPASSFILE=/tmp/pass psql -q -X -At "host=$(cat host) port=$(cat port) dbname=$(cat database) user=$u \
      sslmode=verify-full sslrootcert=$PWD/ca.crt connect_timeout=15" \
      -c 'CREATE TABLE IF NOT EXISTS seen (n int); INSERT INTO seen VALUES (1); SELECT count(*) FROM seen' \
      > /tmp/out 2>&1; then echo "ok $u"; else echo "failed $u $(tail -1 /tmp/out)"; fi
  sleep 0.2
done
"""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One namespace. `image`: what has psql."""

    name: str
    place: Place
    image: str

    @property
    def store(self) -> TenantStoreArgs:
        """As the tenant's stack has it."""
        return TenantStoreArgs(tenant=self.name, namespace=self.name, labels={}, authority=self.place.reach.authority)

    def make(self) -> None:
        """The namespace and its store."""
        labels = {"groundwork/tenant": self.name, **pod_security()}
        self._apply("v1", "Namespace", {"name": self.name, "labels": labels})
        self._apply("v1", "ServiceAccount", {"name": TENANT_ACCOUNT}, automountServiceAccountToken=False)
        self._apply(GROUP, "SecretStore", {"name": STORE}, spec=store_spec(self.store))

    def deliver(self, target: str, secret: Secret) -> None:
        """One secret, as an agent declares it."""
        if secret.database is not None:
            self._apply(GENERATORS, "VaultDynamicSecret", {"name": target}, spec=credentials_spec(self.store))
        args = DeliveredArgs(store=self.store, target=target, secret=secret)
        self._apply(GROUP, "ExternalSecret", {"name": target}, spec=secret_spec(args))

    def run_client(self) -> None:
        """A pod that asks the database all the time with what stands in its files."""
        confined = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        container = {
            "name": CLIENT,
            "image": self.image,
            "command": ["sh", "-c", _LOOP],
            "securityContext": confined,
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}},
            "volumeMounts": [
                {"name": "database", "mountPath": "/run/secrets/agent/database", "readOnly": True},
                {"name": "tmp", "mountPath": "/tmp"},
            ],
        }
        spec = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "database", "secret": {"secretName": "database", "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "8Mi"}},
            ],
        }
        self._apply("v1", "Pod", {"name": CLIENT}, spec=spec)
        assert wait_until(lambda: self.requests(1) == ["ok"], SYNC_SECONDS), self.logs()

    def logs(self, tail: int = 200) -> str:
        """What the client said."""
        return kubectl("logs", "-n", self.name, CLIENT, f"--tail={tail}", check=False).stdout

    def requests(self, tail: int = 200) -> list[str]:
        """How the client's last requests went."""
        return [line.split()[0] for line in self.logs(tail).splitlines() if line]

    def users(self) -> set[str]:
        """The database users that the client came as."""
        return {line.split()[1] for line in self.logs(1000).splitlines() if line.startswith("ok ")}

    def secret(self, name: str) -> Mapping[str, str]:
        """A Kubernetes Secret's fields."""
        found = json.loads(kubectl("get", "secret", name, "-n", self.name, "-o", "json").stdout)
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def status(self, name: str) -> tuple[str, str]:
        """An ExternalSecret's readiness, and why."""
        found = json.loads(kubectl("get", "externalsecret", name, "-n", self.name, "-o", "json").stdout)
        conditions = found.get("status", {}).get("conditions", [])
        return next(((each["status"], each["reason"]) for each in conditions if each["type"] == "Ready"), ("", ""))

    def wait_synced(self, name: str) -> None:
        """Until it was brought."""
        assert wait_until(lambda: self.status(name)[0] == "True", SYNC_SECONDS), self.status(name)

    def renew(self, name: str) -> None:
        """Have it brought at once, and have the kubelet look at the pod's files at once."""
        stamp = kubectl("get", "externalsecret", name, "-n", self.name, "-o", "jsonpath={.metadata.resourceVersion}")
        note = f"groundwork/renewed={stamp.stdout}"
        before = self.secret(name)
        kubectl("annotate", "externalsecret", name, "-n", self.name, "--overwrite", f"force-sync={stamp.stdout}")
        assert wait_until(lambda: self.secret(name) != before, SYNC_SECONDS)
        kubectl("annotate", "pod", CLIENT, "-n", self.name, "--overwrite", note)

    def remove(self) -> None:
        """The namespace and all in it, to its end: other tests compare what is there before and after."""
        kubectl("delete", "namespace", self.name, "--ignore-not-found", "--timeout=120s")

    def _apply(self, api: str, kind: str, metadata: Mapping[str, object], **rest: object) -> None:
        place = {} if kind == "Namespace" else {"namespace": self.name}
        wanted = {"apiVersion": api, "kind": kind, "metadata": {**metadata, **place}, **rest}
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(wanted))
