"""The one way in from outside: TLS, limits, authorisation, then the tenant's agents.  (docs/gateway.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicySpecArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs
from pydantic import JsonValue

from components.gateway import policies
from components.gateway.edge import AUTHORIZER_PORT, RATELIMIT_PORT, Config, Limits
from components.gateway.filters import HTTP, HTTPS, WORKLOAD, gateway_filter
from components.gateway.ratelimit import RateLimit, RateLimitArgs
from components.labels import ROLE, platform_labels, pod_security
from components.mesh import INJECTION, SIZED, Charts, Door, allow
from components.mesh.istio import istio
from components.mesh.names import GATEWAY_NAMESPACE, service_host
from components.spread import chart_spread
from groundwork.errors import UserError

NAME = "gateway"
# What the tenants' VirtualServices are bound to.
PUBLIC = f"{GATEWAY_NAMESPACE}/public"
CREDENTIAL = "wildcard"
AGENT_PORT = 8080
# Where the proxy says that it is ready; and the ports that a load balancer finds on every node.
STATUS = 15021
NODE_PORTS = {"https": 32443, "status": 32021}
PROXY_USER = 1337
# The load balancer hears of a pod that goes; what it has begun goes on this long.
DRAIN_SECONDS = 30
AUTHORIZER = {"app.kubernetes.io/name": "authorizer"}
# Who answers the questions by which an ACME server convinces itself that a name leads here (docs/domains.md).
CHALLENGES, CHALLENGES_PATH = ("groundwork-domains", 8080), "/.well-known/acme-challenge/"
# TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has no others.
CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the gateway needs.

    `domain`: tenants answer at its direct subdomains. `ratelimit_image`, `redis_image`: by digest. `replicas`,
    `max_replicas`: equal means no autoscaling. `service_annotations`: what a cloud's load balancer asks for.
    `behind_balancer`: a load balancer outside the cluster comes to `NODE_PORTS` of every node. `simulated`: nothing
    gives the Service an address, so nothing waits for one.
    """

    environment: str
    domain: str
    charts: Charts
    ratelimit_image: pulumi.Input[str]
    redis_image: pulumi.Input[str]
    replicas: int = 2
    max_replicas: int = 2
    limits: Limits = field(default_factory=Limits)
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    behind_balancer: bool = False
    simulated: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.replicas <= self.max_replicas:
            allowed = "replicas from 2, max_replicas not below it"
            raise UserError(what=f"gateway: replicas {self.replicas} to {self.max_replicas}", allowed=allowed)


class Gateway(pulumi.ComponentResource):
    """The gateway's pods and address, what they do with a request, the shared count, and who may talk to whom.

    `namespace`: where it is; other parts of the gateway (authoriser, certificates) depend on it.
    """

    namespace: Namespace

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:gateway:Gateway", name, None, opts)
        self._args = args
        self.namespace = self._namespace()
        inside = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace])
        closed = self._policy("mesh-members", policies.mesh_members(), inside)
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace, closed])
        counts = RateLimitArgs(environment=args.environment, image=args.ratelimit_image, redis_image=args.redis_image)
        RateLimit("ratelimit", counts, guarded)
        configured = [*self._network(inside), *self._traffic(inside), self._rights(inside)]
        self._pods(pulumi.ResourceOptions(parent=self, depends_on=[closed, *configured]))
        self.register_outputs({"namespace": self.namespace.metadata.name})

    def _namespace(self) -> Namespace:
        meta = ObjectMetaArgs(
            name=GATEWAY_NAMESPACE, labels=self._labels() | pod_security() | INJECTION | {ROLE: "gateway"}
        )
        return Namespace(GATEWAY_NAMESPACE, metadata=meta, opts=pulumi.ResourceOptions(parent=self))

    def _network(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        counter = {"app.kubernetes.io/name": "ratelimit"}
        reaches = [(AUTHORIZER, AUTHORIZER_PORT), (counter, RATELIMIT_PORT)]
        public = policies.server(WORKLOAD, callers=None, ports=[HTTP, HTTPS], reaches=reaches)
        outwards = policies.outwards(WORKLOAD, agents=AGENT_PORT, challenges=CHALLENGES)
        return [
            self._policy(NAME, public, opts),
            self._policy("gateway-outwards", outwards, opts),
        ]

    def _rights(self, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        """istiod gives the pods certificates if their account may list Secrets here. It keeps a no for a minute, and
        hears of a new Secret once: with the chart's own rights, made beside the pods, these may be without a
        certificate for half an hour.
        """
        may = PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=["list"])
        role = Role(f"{NAME}-certificates", metadata=self._meta("certificates"), rules=[may], opts=opts)
        return RoleBinding(
            f"{NAME}-certificates",
            metadata=self._meta("certificates"),
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=NAME, namespace=GATEWAY_NAMESPACE)],
            opts=opts,
        )

    def _policy(self, name: str, spec: NetworkPolicySpecArgs, opts: pulumi.ResourceOptions) -> NetworkPolicy:
        return NetworkPolicy(name, metadata=self._meta(name), spec=spec, opts=opts)

    def _traffic(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """What the pods do, there before them: they never serve a request without it."""
        # The mesh refuses what nothing allows; here the authoriser decides, request by request.
        door = allow(f"{NAME}-door", self._meta(NAME), [Door(ports=[HTTP, HTTPS])], selector=WORKLOAD, opts=opts)
        made = {
            "Gateway": {"public": self._secure(), "plain": _plain()},
            "VirtualService": {"plain": _redirect()},
            "EnvoyFilter": {NAME: gateway_filter(self._args.limits)},
        }
        objects = [
            istio(kind, f"{name}-{kind.lower()}", self._meta(name), spec, opts)
            for kind, specs in made.items()
            for name, spec in specs.items()
        ]
        return [door, *objects]

    def _secure(self) -> Config:
        """TLS for the tenants' names; tenants' namespaces may bind routes to it.

        A load balancer before it names nobody when it asks for TLS (no SNI), and Envoy finds a server by that name
        alone: it is for all names there, and the routes say which are anybody's.
        """
        names = "*" if self._args.behind_balancer else f"*.{self._args.domain}"
        tls: Config = {
            "mode": "SIMPLE",
            "credentialName": CREDENTIAL,
            "minProtocolVersion": "TLSV1_2",
            "cipherSuites": [*CIPHERS],
        }
        port: Config = {"number": 443, "name": "https", "protocol": "HTTPS"}
        return {
            "selector": dict(WORKLOAD),
            "servers": [{"port": port, "hosts": [f"*/{names}"], "tls": tls}],
        }

    def _pods(self, opts: pulumi.ResourceOptions) -> Chart:
        charts = self._args.charts
        return Chart(
            NAME,
            chart=charts.chart("gateway"),
            name=NAME,
            namespace=GATEWAY_NAMESPACE,
            version=charts.version,
            repository_opts=RepositoryOptsArgs(repo=charts.source) if charts.remote else None,
            values=self._values(),
            opts=opts,
        )

    def _values(self) -> Config:
        args = self._args
        notes: Config = dict(args.service_annotations)
        if args.simulated:
            notes["pulumi.com/skipAwait"] = "true"
        # The chart sets the common labels itself, and would set these twice.
        own: Config = {key: value for key, value in self._labels().items() if not key.startswith("app.kubernetes.io/")}
        fixed = args.replicas == args.max_replicas
        scaling: Config = {"enabled": not fixed, "minReplicas": args.replicas, "maxReplicas": args.max_replicas}
        return {
            "name": NAME,
            "rbac": {"enabled": False},
            # The injector puts the image in; what the API server makes of its placeholder would be Always.
            "imagePullPolicy": "IfNotPresent",
            "replicaCount": args.replicas if fixed else None,
            "labels": own | {"istio.io/dataplane-mode": "none"},
            "autoscaling": scaling | {"targetCPUUtilizationPercentage": 70},
            "podDisruptionBudget": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": PROXY_USER,
                "runAsGroup": PROXY_USER,
                "fsGroup": PROXY_USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "2", "memory": "512Mi"},
            },
            "terminationGracePeriodSeconds": DRAIN_SECONDS + 10,
            "podAnnotations": {
                "inject.istio.io/templates": f"gateway,{SIZED}",
                "proxy.istio.io/config": json.dumps(self._proxy()),
            },
            **chart_spread(WORKLOAD),
            "service": {
                "type": "NodePort" if args.behind_balancer else "LoadBalancer",
                "annotations": notes,
                "ports": self._ports(),
            },
        }

    def _ports(self) -> list[JsonValue]:
        """Plain HTTP is for those who come directly; a load balancer redirects by itself and asks for the status."""
        https: Config = {"name": "https", "port": 443, "targetPort": HTTPS, "protocol": "TCP"}
        if not self._args.behind_balancer:
            return [{"name": "http", "port": 80, "targetPort": HTTP, "protocol": "TCP"}, https]
        status: Config = {"name": "status", "port": STATUS, "targetPort": STATUS, "protocol": "TCP"}
        return [port | {"nodePort": NODE_PORTS[str(port["name"])]} for port in (https, status)]

    def _proxy(self) -> Config:
        """What a pod is told when it starts: Envoy's overload manager refuses connections beyond the limit."""
        most = str(self._args.limits.connections)
        return {
            "terminationDrainDuration": f"{DRAIN_SECONDS}s",
            # Counters that Istio would leave out: refused, failed, let through uncounted; answers by agent and kind.
            "proxyStatsMatcher": {
                "inclusionRegexps": [
                    ".*ratelimit.*",
                    ".*rate_limit.*",
                    ".*ext_authz.*",
                    ".*\\|\\|.*upstream_rq_[0-9]xx",
                    "http.*downstream_rq_[0-9]xx",
                ]
            },
            "proxyMetadata": {"ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": most},
        }

    def _labels(self) -> dict[str, str]:
        return platform_labels(self._args.environment, NAME)

    def _meta(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=GATEWAY_NAMESPACE, labels=self._labels())


def _plain() -> Config:
    """Port 80, for any name. Only this namespace's routes are bound to it: no tenant answers without TLS."""
    port: Config = {"number": 80, "name": "http", "protocol": "HTTP"}
    return {"selector": dict(WORKLOAD), "servers": [{"port": port, "hosts": ["./*"]}]}


def _redirect() -> Config:
    """What port 80 says: the proof that a name leads here, to who asks for it; to all else, come by HTTPS."""
    namespace, port = CHALLENGES
    prover: Config = {"host": service_host("operator", namespace), "port": {"number": port}}
    return {
        "hosts": ["*"],
        "gateways": [f"{GATEWAY_NAMESPACE}/plain"],
        "exportTo": ["."],
        "http": [
            {
                "name": "challenge",
                "match": [{"uri": {"prefix": CHALLENGES_PATH}}],
                "route": [{"destination": prover}],
                "timeout": "5s",
            },
            {"name": "redirect", "redirect": {"scheme": "https", "redirectCode": 301}},
        ],
    }
