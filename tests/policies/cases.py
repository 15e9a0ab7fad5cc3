"""For each policy a resource that it lets pass, and changes of it that it must not."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.harness import Asked, Value

DIGEST = "localhost/groundwork/redis@sha256:" + "a" * 64
GONE = object()
Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """`good` passes; each of `bad`, a path and what then stands there (GONE: nothing), must be found."""

    policy: str
    type: str
    good: Mapping[str, Value]
    bad: Sequence[tuple[Path, Value]]
    beside: Sequence[Asked] = ()

    def asked(self, props: Mapping[str, Value]) -> Asked:
        """The case's resource with these properties."""
        return Asked(type=self.type, name="subject", props=props)

    def spoilt(self) -> Iterator[tuple[Path, Mapping[str, Value]]]:
        """Each bad form, with the path that differs."""
        for path, value in self.bad:
            yield path, changed(self.good, path, value)


def changed(value: Mapping[str, Value], path: Path, new: Value) -> Mapping[str, Value]:
    """A copy in which `path` leads to `new`; GONE takes it out."""
    result = copy.deepcopy(dict(value))
    here: Value = result
    for part, following in itertools.pairwise(path):
        if isinstance(here, dict) and part not in here:
            here[part] = [] if isinstance(following, int) else {}
        here = here[part]  # type: ignore[index] # a path of the table leads through mappings and lists
    last = path[-1]
    if new is GONE:
        del here[last]  # type: ignore[attr-defined] # as above
    elif isinstance(here, list) and isinstance(last, int) and last >= len(here):
        here.append(new)
    else:
        here[last] = new  # type: ignore[index] # as above
    return result


_CONTAINER: Mapping[str, Value] = {
    "name": "server",
    "image": DIGEST,
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
    "env": [{"name": "LEVEL", "value": "info"}],
    "ports": [{"name": "http", "containerPort": 8080}],
}
_LABELS = {
    "app.kubernetes.io/part-of": "groundwork",
    "app.kubernetes.io/managed-by": "pulumi",
    "groundwork/environment": "local",
    "groundwork/cost-centre": "platform",
}
SERVER: Mapping[str, Value] = {
    "metadata": {"name": "server", "namespace": "acme", "labels": _LABELS},
    "spec": {
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": {"app": "server"}},
            "spec": {
                "serviceAccountName": "server",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [_CONTAINER],
                "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
            },
        },
    },
}
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_POD: Path = ("spec", "template", "spec")
_C: Path = (*_POD, "containers", 0)
_CONTEXT: Path = (*_C, "securityContext")


def _server(policy: str, *bad: tuple[Path, Value]) -> Case:
    return Case(policy=policy, type=DEPLOYMENT, good=SERVER, bad=bad)


def _object(kind: str, spec: Mapping[str, Value], labels: Mapping[str, Value] | None = None) -> Mapping[str, Value]:
    return {"kind": kind, "metadata": {"name": "acme", "namespace": "acme", "labels": labels or {}}, "spec": spec}


def _policy(*statements: Mapping[str, Value]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


_READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/*"}
_ASSUME = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
_ROLE: Mapping[str, Value] = {
    "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["settings"]}]
}
_NETWORK: Mapping[str, Value] = {
    "podSelector": {},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 80}]}],
    "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}], "ports": [{"port": 443}]}],
}
_CAPPED = {"metadata": {"name": "acme", "labels": {"groundwork/tenant": "acme"}}}
_ISOLATING = (
    Asked(
        type="kubernetes:networking.k8s.io/v1:NetworkPolicy",
        name="p",
        props=_object("NetworkPolicy", {"podSelector": {}}),
    ),
    Asked(type="kubernetes:core/v1:ResourceQuota", name="q", props=_object("ResourceQuota", {"hard": {"pods": "9"}})),
    Asked(type="kubernetes:core/v1:LimitRange", name="l", props=_object("LimitRange", {"limits": [{"type": "Pod"}]})),
)
_TENANT = (Asked(type="kubernetes:core/v1:Namespace", name="acme", props=_CAPPED),)
_GLOBEX = Asked(
    type="kubernetes:networking.istio.io/v1:VirtualService",
    name="globex",
    props={
        "kind": "VirtualService",
        "metadata": {"name": "globex", "namespace": "globex"},
        "spec": {"hosts": ["globex.test"], "gateways": ["front/public"]},
    },
)
_BUDGET = Asked(
    type="kubernetes:policy/v1:PodDisruptionBudget",
    name="server",
    props=_object("PodDisruptionBudget", {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "server"}}}),
)
_MODES = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}

KUBERNETES = (
    _server(
        "k8s-pod-non-root",
        ((*_CONTEXT, "runAsNonRoot"), False),
        ((*_CONTEXT, "runAsUser"), 0),
        ((*_POD, "securityContext", "runAsUser"), 0),
        ((*_POD, "initContainers"), [{"name": "i", "securityContext": {"runAsUser": 0}}]),
    ),
    _server("k8s-pod-no-escalation", ((*_CONTEXT, "allowPrivilegeEscalation"), True), (_CONTEXT, GONE)),
    _server("k8s-pod-not-privileged", ((*_CONTEXT, "privileged"), True), ((*_CONTEXT, "procMount"), "Unmasked")),
    _server(
        "k8s-pod-capabilities",
        ((*_CONTEXT, "capabilities", "drop"), ["NET_RAW"]),
        ((*_CONTEXT, "capabilities", "add"), ["SYS_ADMIN"]),
        ((*_CONTEXT, "capabilities"), GONE),
    ),
    _server(
        "k8s-pod-seccomp",
        ((*_POD, "securityContext", "seccompProfile", "type"), "Unconfined"),
        ((*_POD, "securityContext", "seccompProfile"), GONE),
        ((*_CONTEXT, "seccompProfile"), {"type": "Unconfined"}),
    ),
    _server(
        "k8s-pod-host-namespaces",
        ((*_POD, "hostNetwork"), True),
        ((*_POD, "hostPID"), True),
        ((*_POD, "hostIPC"), True),
        ((*_C, "ports", 0, "hostPort"), 80),
        ((*_POD, "securityContext", "windowsOptions"), {"hostProcess": True}),
        ((*_CONTEXT, "windowsOptions"), {"hostProcess": True}),
    ),
    _server(
        "k8s-pod-volumes",
        ((*_POD, "volumes", 0), {"name": "docker", "hostPath": {"path": "/var/run/docker.sock"}}),
        ((*_POD, "volumes", 0), {"name": "root", "hostPath": {"path": "/"}}),
    ),
    _server(
        "k8s-pod-kernel",
        ((*_POD, "securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}]),
        ((*_POD, "securityContext", "seLinuxOptions"), {"type": "spc_t"}),
        ((*_CONTEXT, "appArmorProfile"), {"type": "Unconfined"}),
    ),
    _server("k8s-pod-read-only-root", ((*_CONTEXT, "readOnlyRootFilesystem"), False)),
    _server(
        "k8s-pod-limits",
        ((*_C, "resources", "limits", "memory"), GONE),
        ((*_C, "resources", "limits", "cpu"), GONE),
        ((*_C, "resources", "requests"), GONE),
        ((*_POD, "volumes", 0, "emptyDir"), {}),
    ),
    _server("k8s-pod-probes", ((*_C, "livenessProbe"), GONE), ((*_C, "readinessProbe"), GONE)),
    _server(
        "k8s-pod-token",
        ((*_POD, "automountServiceAccountToken"), True),
        ((*_POD, "automountServiceAccountToken"), GONE),
        ((*_POD, "enableServiceLinks"), True),
    ),
    _server("k8s-service-account", ((*_POD, "serviceAccountName"), "default"), ((*_POD, "serviceAccountName"), GONE)),
    _server("k8s-image-digest", ((*_C, "image"), "localhost/groundwork/redis:7")),
    _server("k8s-image-registry", ((*_C, "image"), "example.com/redis@sha256:" + "a" * 64)),
    _server("k8s-literal-secrets", ((*_C, "env", 0), {"name": "DB_PASSWORD", "value": "hunter2"})),
    _server("k8s-labels", (("metadata", "labels"), {})),
    _server("k8s-default-namespace", (("metadata", "namespace"), "default"), (("metadata", "namespace"), GONE)),
    _server("k8s-rollout", (("spec", "strategy", "rollingUpdate", "maxUnavailable"), 1)),
    Case(
        policy="k8s-literal-secrets",
        type="kubernetes:core/v1:ConfigMap",
        good={"data": {"a": "b"}},
        bad=[(("data", "a"), "-----BEGIN RSA PRIVATE KEY-----")],
    ),
    Case(
        policy="k8s-service-exposure",
        type="kubernetes:core/v1:Service",
        good=_object("Service", {"type": "ClusterIP", "ports": [{"port": 80}]}),
        bad=[
            (("spec", "type"), "NodePort"),
            (("spec", "type"), "LoadBalancer"),
            (("spec", "externalIPs"), ["192.0.2.1"]),
            (("spec", "ports", 0, "nodePort"), 30080),
        ],
    ),
    Case(
        policy="k8s-service-exposure",
        type="kubernetes:core/v1:Service",
        good={
            "kind": "Service",
            "metadata": {"name": "gateway", "namespace": "groundwork-gateway"},
            "spec": {"type": "NodePort", "ports": [{"port": 443, "nodePort": 32443}]},
        },
        bad=[(("metadata", "name"), "other"), (("metadata", "namespace"), "acme"), (("spec", "type"), "ExternalName")],
    ),
    Case(
        policy="k8s-rbac-wildcards",
        type="kubernetes:rbac.authorization.k8s.io/v1:Role",
        good=_ROLE,
        bad=[(("rules", 0, key), ["*"]) for key in ("apiGroups", "resources", "verbs", "nonResourceURLs")],
    ),
    Case(
        policy="k8s-rbac-escalation",
        type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
        good=_ROLE,
        bad=[
            (("rules", 0, "verbs"), ["escalate"]),
            (("rules", 0, "resources"), ["pods/exec"]),
            (("rules", 0), {"resources": ["secrets"], "verbs": ["list"]}),
        ],
    ),
    Case(
        policy="k8s-rbac-bindings",
        type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        good={"roleRef": {"name": "reader"}, "subjects": [{"kind": "ServiceAccount", "name": "server"}]},
        bad=[
            (("roleRef", "name"), "cluster-admin"),
            (("subjects", 0), {"kind": "Group", "name": "system:unauthenticated"}),
            (("subjects", 0, "name"), "default"),
        ],
    ),
    Case(
        policy="mesh-mtls-strict",
        type="kubernetes:security.istio.io/v1:PeerAuthentication",
        good=_object("PeerAuthentication", {"mtls": {"mode": "STRICT"}}),
        bad=[
            (("spec", "mtls", "mode"), "PERMISSIVE"),
            (("spec", "mtls"), GONE),
            (("spec", "portLevelMtls"), {"8080": {"mode": "DISABLE"}}),
        ],
    ),
    Case(
        policy="mesh-mtls-strict",
        type="kubernetes:networking.istio.io/v1:DestinationRule",
        good=_object("DestinationRule", {"host": "a.acme.svc.cluster.local"}),
        bad=[(("spec", "trafficPolicy"), {"tls": {"mode": "DISABLE"}})],
    ),
    Case(
        policy="mesh-authorization",
        type="kubernetes:security.istio.io/v1:AuthorizationPolicy",
        good=_object("AuthorizationPolicy", {"rules": [{"from": [{"source": {"namespaces": ["acme"]}}]}]}),
        bad=[
            (("spec", "rules", 0), {}),
            (("spec", "rules", 0, "from", 0, "source"), {"principals": ["*"]}),
            (("spec", "rules", 0, "from", 0, "source"), {"notNamespaces": ["globex"]}),
        ],
    ),
    Case(
        policy="k8s-network-policy",
        type="kubernetes:networking.k8s.io/v1:NetworkPolicy",
        good=_object("NetworkPolicy", _NETWORK),
        bad=[
            (("spec", "policyTypes"), ["Ingress"]),
            (("spec", "ingress", 0), {}),
            (("spec", "egress", 0), {"ports": [{"port": 443}]}),
            (("spec", "egress", 0, "ports"), []),
            (("spec", "egress", 0, "to", 0, "ipBlock"), {"cidr": "0.0.0.0/0"}),
        ],
    ),
    Case(
        policy="k8s-namespace-pod-security",
        type="kubernetes:core/v1:Namespace",
        good=_object("Namespace", {}, _MODES),
        bad=[(("metadata", "labels", key), level) for key in _MODES for level in ("privileged", GONE)],
    ),
    Case(
        policy="gateway-tls",
        type="kubernetes:networking.istio.io/v1:Gateway",
        good=_object(
            "Gateway",
            {
                "servers": [
                    {
                        "hosts": ["*/a.test"],
                        "port": {"name": "https", "protocol": "HTTPS"},
                        "tls": {
                            "mode": "SIMPLE",
                            "minProtocolVersion": "TLSV1_2",
                            "cipherSuites": ["ECDHE-RSA-AES256-GCM-SHA384"],
                        },
                    }
                ]
            },
        ),
        bad=[
            (("spec", "servers", 0, "port", "protocol"), "HTTP"),
            (("spec", "servers", 0, "port", "protocol"), "TCP"),
            (("spec", "servers", 0, "tls", "mode"), "PASSTHROUGH"),
            (("spec", "servers", 0, "tls", "minProtocolVersion"), "TLSV1_0"),
            (("spec", "servers", 0, "tls", "minProtocolVersion"), GONE),
            (("spec", "servers", 0, "tls", "cipherSuites"), ["AES128-SHA"]),
        ],
    ),
    Case(
        policy="k8s-webhooks-fail-closed",
        type="kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration",
        good={"webhooks": [{"name": "a", "failurePolicy": "Fail"}]},
        bad=[(("webhooks", 0, "failurePolicy"), "Ignore")],
    ),
    Case(
        policy="mesh-sidecar-scope",
        type="kubernetes:networking.istio.io/v1:Sidecar",
        good=_object("Sidecar", {"egress": [{"hosts": ["./*", "istio-system/*"]}]}),
        bad=[
            (("spec", "egress", 0, "hosts"), ["*/*"]),
            (("spec", "egress"), GONE),
            (("spec", "outboundTrafficPolicy"), {"mode": "ALLOW_ANY"}),
        ],
    ),
    Case(
        policy="k8s-namespace-isolated",
        type="kubernetes:core/v1:Namespace",
        good=_CAPPED,
        bad=[(("metadata", "name"), "globex")],
        beside=_ISOLATING,
    ),
    Case(
        policy="k8s-disruption-budget",
        type=DEPLOYMENT,
        good=SERVER,
        bad=[(("metadata", "namespace"), "globex"), (("spec", "template", "metadata", "labels", "app"), "other")],
        beside=(_BUDGET,),
    ),
    Case(
        policy="tenants-apart",
        type="kubernetes:networking.istio.io/v1:VirtualService",
        good=_object("VirtualService", {"http": [{"route": [{"destination": {"host": "a.acme.svc.cluster.local"}}]}]}),
        bad=[
            (("spec", "http", 0, "route", 0, "destination", "host"), "a.globex.svc.cluster.local"),
            (("metadata", "namespace"), "globex"),
        ],
        beside=_TENANT,
    ),
    Case(
        policy="tenants-apart",
        type="kubernetes:security.istio.io/v1:AuthorizationPolicy",
        good=_object("AuthorizationPolicy", {"rules": [{"from": [{"source": {"namespaces": ["acme"]}}]}]}),
        bad=[
            (("spec", "rules", 0, "from", 0, "source", "namespaces"), ["globex"]),
            (("spec", "rules", 0, "from", 0, "source"), {"principals": ["cluster.local/ns/globex/sa/a"]}),
        ],
        beside=_TENANT,
    ),
    Case(
        policy="tenants-apart",
        type="kubernetes:networking.k8s.io/v1:NetworkPolicy",
        good=_object("NetworkPolicy", {"ingress": [{"from": [{"podSelector": {}}]}]}),
        bad=[
            (
                ("spec", "ingress", 0, "from", 0),
                {"namespaceSelector": {"matchLabels": {"groundwork/tenant": "globex"}}},
            ),
            (("spec", "ingress", 0, "from", 0), {"namespaceSelector": {}}),
        ],
        beside=_TENANT,
    ),
    Case(
        policy="tenant-hosts-unique",
        type="kubernetes:networking.istio.io/v1:VirtualService",
        good=_object("VirtualService", {"hosts": ["acme.test"], "gateways": ["front/public"]}),
        bad=[
            (("spec", "hosts", 0), "globex.test"),
            (("spec", "hosts", 0), "*"),
            (("spec", "hosts"), ["acme.test", "*.test"]),
        ],
        beside=(_GLOBEX,),
    ),
    Case(
        policy="tenants-apart",
        type="kubernetes:networking.istio.io/v1:Sidecar",
        good=_object("Sidecar", {"egress": [{"hosts": ["./*.acme.svc.cluster.local"]}]}),
        bad=[
            (("spec", "egress", 0, "hosts"), ["globex/*"]),
            (("spec", "egress", 0, "hosts"), ["./*.globex.svc.cluster.local"]),
        ],
        beside=_TENANT,
    ),
)
