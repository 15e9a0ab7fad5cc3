"""A little internet on 127.0.0.1: a cluster's API, our zone server and operator, a customer's DNS, and an authority."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import yaml
from pydantic import JsonValue

from components.domains.interface import Zone
from components.domains.kubernetes import KubernetesDomains, KubernetesDomainsArgs
from components.platform.crds import Platform, PlatformArgs
from components.platform.specs import Domain
from groundwork.waiting import wait_until
from local import toolchain
from local.node import NodeSettings, up
from local.node.host.pki import CertificateSpec, ensure_pki
from local.paths import CHECKOUT
from local.toolchain.programs import TESTS
from tests.components.recording import record
from tests.components.samples import DIGEST
from tests.local.node.quiet import Quiet

API = 27600
ZONES, CUSTOMER, INTERNET, PEBBLE, PEBBLE_ADMIN, HTTP, METRICS, RESOLVER, READY = range(27610, 27619)
DOMAIN, HELD, CUSTOMERS = "groundwork.test", "held.test", "companyx.test"
NAMESPACES = ("groundwork-domains", "groundwork-gateway", "acme", "globex")
GATEWAYS: dict[str, JsonValue] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gateways.networking.istio.io"},
    "spec": {
        "group": "networking.istio.io",
        "scope": "Namespaced",
        "names": {"kind": "Gateway", "plural": "gateways", "singular": "gateway"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
AUTHORITATIVE = """
.:{port} {{
    bind 127.0.0.1
    auto {{
        directory {folder} ^db\\.(.*)$ {{1}}
        reload 1s
    }}
    errors
}}
"""
# What the world's resolvers know by delegation: who holds which zone.
RESOLVING = """
{zone}:{port} {{
    bind 127.0.0.1
    forward . 127.0.0.1:{server}
    errors
}}
"""


@dataclass
class Process:
    """A program that runs beside the test."""

    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.running = subprocess.Popen(
                self.command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **self.env}, cwd=CHECKOUT
            )

    def stop(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            self.running = None


class World:
    """All of it. Every process can be stopped and started again by its name."""

    def __init__(self, root: Path, node: NodeSettings, tools: toolchain.Toolchain) -> None:
        self.root, self.node, self._tools = root, node, tools
        self.processes: dict[str, Process] = {}
        self.kubeconfig = root / "operator.kubeconfig"
        self._serial = 1
        for name in ("zones", "customer", "logs"):
            (root / name).mkdir(exist_ok=True)

    # ---- the cluster

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        command = [str(self._tools.path("kubectl")), f"--kubeconfig={self.node.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *objects: Mapping[str, JsonValue]) -> None:
        for each in objects:
            self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(each))

    def add(self, tenant: str, host: str, **spec: str) -> None:
        self.apply(
            {
                "apiVersion": "groundwork.internal/v1alpha1",
                "kind": "Domain",
                "metadata": {"name": host, "namespace": tenant},
                "spec": {"host": host, **spec},
            }
        )

    def remove(self, tenant: str, host: str) -> None:
        self.kubectl("delete", "domains.groundwork.internal", host, "-n", tenant)

    def domain(self, tenant: str, host: str) -> Domain:
        found = self.kubectl("get", "domains.groundwork.internal", host, "-n", tenant, "-o", "json")
        return Domain.model_validate_json(found)

    def until(self, tenant: str, host: str, state: str, reason: str = "", seconds: float = 60) -> Domain:
        """Wait until the domain is in a state, with a reason that contains a text."""

        def there() -> bool:
            status = self.domain(tenant, host).status
            return status.state == state and reason in status.reason

        assert wait_until(there, seconds), self.domain(tenant, host).status
        return self.domain(tenant, host)

    def told(self, tenant: str, host: str) -> str:
        """All that the domain's events say, a line each."""
        of = f"--field-selector=involvedObject.kind=Domain,involvedObject.name={host}"
        lines = '{range .items[*]}{.reason}: {.message}{"\\n"}{end}'
        return self.kubectl("get", "events", "-n", tenant, of, "-o", f"jsonpath={lines}")

    def secret(self, name: str, namespace: str = "groundwork-gateway") -> dict[str, str]:
        found = self.kubectl("get", "secret", name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return dict(json.loads(found)["data"]) if found else {}

    def servers(self, tenant: str) -> list[dict[str, JsonValue]]:
        place = ("gateways.networking.istio.io", f"domains-{tenant}", "-n", "groundwork-gateway")
        found = self.kubectl("get", *place, "-o", "json", "--ignore-not-found")
        servers: list[dict[str, JsonValue]] = json.loads(found)["spec"]["servers"] if found else []
        return servers

    def furnish(self) -> None:
        """The kinds and the namespaces."""
        self.apply(*kinds(), GATEWAYS)
        for name in NAMESPACES:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=180s")
        self.apply(*rights())
        token = self.kubectl("create", "token", "domains", "-n", "groundwork-domains", "--duration=2h").strip()
        config = yaml.safe_load(self.node.kubeconfig.read_text())
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        self.kubeconfig.write_text(yaml.safe_dump(config))

    # ---- DNS

    def publish(self, *records: str) -> None:
        """Make these the records of the customer's zone, beside its SOA and NS."""
        self._serial += 1
        rows = [f"@ 1 IN SOA ns hostmaster {self._serial} 3600 600 86400 1", "@ 1 IN NS ns", "ns 1 IN A 127.0.0.1"]
        text = "\n".join([f"$ORIGIN {CUSTOMERS}.", *rows, *records, ""])
        half = self.root / "customer" / ".half"
        half.write_text(text)
        half.replace(self.root / "customer" / f"db.{CUSTOMERS}")

        def served() -> bool:
            return any(f" {self._serial} " in row for row in self.ask(CUSTOMERS, "SOA", CUSTOMER))

        assert wait_until(served, 60)

    def ask(self, name: str, kind: str, port: int = ZONES) -> list[str]:
        """What a server answers, each record's data as text; nothing where it does not answer."""
        question = dns.message.make_query(f"{name}.", dns.rdatatype.from_text(kind))
        try:
            answer = dns.query.udp(question, "127.0.0.1", timeout=5, port=port)
        except (dns.exception.Timeout, OSError):
            return []
        return [row.to_text() for rows in answer.answer for row in rows]

    # ---- programs

    def operator(self, **changes: JsonValue) -> None:
        """Start the operator with these settings over the usual ones; the old one ends."""
        usual: dict[str, JsonValue] = {
            "zones": [{"name": DOMAIN}, {"name": HELD, "tenant": "acme"}],
            "addresses": ["127.0.0.1"],
            "issuer": "acme",
            "acme": {
                "directory": f"https://127.0.0.1:{PEBBLE}/dir",
                "contact": "operator@example.com",
                "authority": str(self.root / "pki/acme/ca.crt"),
            },
            "resolvers": [{"host": "127.0.0.1", "port": INTERNET}],
            "servers": [{"host": "127.0.0.1", "port": ZONES}],
            "ownServer": {"host": "127.0.0.1", "port": ZONES},
            "pace": {"pending": 0.5, "pendingAtMost": 1, "verified": 1, "grace": 15, "retry": 1, "retryAtMost": 4},
            "zoneFolder": str(self.root / "zones"),
            "host": "127.0.0.1",
            "port": HTTP,
            "metricsPort": METRICS,
        }
        file = self.root / "settings.json"
        file.write_text(json.dumps(usual | changes))
        self.stop("operator")
        env = {"KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": f"{CHECKOUT / 'images/domains'}:{CHECKOUT}"}
        self.start("operator", [sys.executable, "-m", "domains_operator", str(file)], env)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        process = Process(command, self.root / "logs" / f"{name}.log", env or {})
        process.start()
        self.processes[name] = process

    def stop(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].stop()

    def stop_all(self) -> None:
        for name in self.processes:
            self.stop(name)

    def again(self, name: str) -> None:
        self.processes[name].start()

    def log(self, name: str) -> str:
        return (self.root / "logs" / f"{name}.log").read_text()

    def start_all(self) -> None:
        coredns = str(self._tools.path("coredns"))
        own = {"ZONES": str(self.root / "zones"), "READY": f"127.0.0.1:{READY}", "RESOLVER_PORT": str(RESOLVER)}
        corefile = CHECKOUT / "images" / "domains" / "Corefile"
        self.start("zones", [coredns, "-dns.port", str(ZONES), "-conf", str(corefile)], own)
        # It answers an alias with what it leads to, as a resolver of the real world would.
        follows = RESOLVING.format(zone=DOMAIN, port=CUSTOMER, server=ZONES)
        self._coredns("customer", AUTHORITATIVE.format(port=CUSTOMER, folder=self.root / "customer") + follows)
        known = {DOMAIN: ZONES, HELD: ZONES, CUSTOMERS: CUSTOMER}
        rows = [RESOLVING.format(zone=zone, port=INTERNET, server=port) for zone, port in known.items()]
        self._coredns("internet", "".join(rows))
        self.pebble()
        self.publish()
        self.operator()

    def _coredns(self, name: str, corefile: str) -> None:
        file = self.root / f"{name}.Corefile"
        file.write_text(corefile)
        self.start(name, [str(self._tools.path("coredns")), "-conf", str(file)])

    def pebble(self, life_seconds: int = 7_776_000) -> None:
        """Start the authority, whose certificates live so long; the old one ends, and forgets its accounts."""
        self.stop("pebble")
        spec = CertificateSpec(
            name="pebble", authority="acme", common_name="pebble", usages=("server",), addresses=("127.0.0.1",)
        )
        ensure_pki(self.root / "pki", ["acme"], [spec], datetime.now(UTC))
        config = {
            "pebble": {
                "listenAddress": f"127.0.0.1:{PEBBLE}",
                "managementListenAddress": f"127.0.0.1:{PEBBLE_ADMIN}",
                "certificate": str(self.root / "pki/acme/pebble.crt"),
                "privateKey": str(self.root / "pki/acme/pebble.key"),
                "httpPort": HTTP,
                "tlsPort": 1,
                "domainBlocklist": [f"blocked.{CUSTOMERS}"],
                "keyAlgorithm": "ecdsa",
                "profiles": {"default": {"description": "the only one", "validityPeriod": life_seconds}},
            }
        }
        file = self.root / "pebble.json"
        file.write_text(json.dumps(config))
        command = [str(self._tools.path("pebble")), "-config", str(file), "-dnsserver", f"127.0.0.1:{INTERNET}"]
        self.start("pebble", command, {"PEBBLE_VA_NOSLEEP": "1"})


def rights() -> list[dict[str, JsonValue]]:
    """The operator's account and what it may do, as the component declares it."""
    args = KubernetesDomainsArgs(environment="local", zones=[Zone(name=DOMAIN)], image=DIGEST, addresses=["127.0.0.1"])
    graph = record(lambda: KubernetesDomains("domains", args))
    names = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    return [json.loads(json.dumps(each.inputs)) for name in names for each in graph.of(name)]


def kinds() -> list[dict[str, JsonValue]]:
    """The platform's CRDs, as its component declares them."""
    graph = record(lambda: Platform("platform", PlatformArgs(environment="local")))
    # The SDK's names for these words are undone by the plugin, which has no part in this.
    texts = [json.dumps(each.inputs) for each in graph.of("CustomResourceDefinition")]
    return [json.loads(re.sub(r'"x_kubernetes_([a-z_]+)"', _dashed, text)) for text in texts]


def _dashed(found: re.Match[str]) -> str:
    return f'"x-kubernetes-{found[1].replace("_", "-")}"'


@contextmanager
def world(root: Path) -> Iterator[World]:
    """Everything up; and down again, whatever happens."""
    from local.node import down

    tools = toolchain.ensure((*toolchain.SIMULATED, *TESTS), progress=Quiet())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        node = NodeSettings.simulated(root / "n", API)
        stack.callback(down, node, Quiet())
        up(node, tools, Quiet())
        made = World(root, node, tools)
        stack.callback(made.stop_all)
        made.furnish()
        made.start_all()
        yield made
