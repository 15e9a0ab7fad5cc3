"""Each hardening property of a graph, switched off one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from policies.rule import Resource, Value, at, entries, items, texts
from policies.workloads import SERVERS, WORKLOADS
from tests.policies.aws_mutations import LEFT_OUT, aws_changes
from tests.policies.cases import GONE, Path, changed

_POD: Path = ("spec", "template", "spec")


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A resource in which one property is no longer as safe as it was. `after` None: the resource is gone."""

    before: Resource
    after: Resource | None
    what: str

    def __str__(self) -> str:
        return f"{self.before.type.rpartition(':')[2]} {self.before.name}: {self.what}"


def mutations(resource: Resource) -> Iterator[Mutation]:
    """All that can be switched off in one resource."""
    for path, value in _changes(resource):
        assert isinstance(resource.props, Mapping)
        # A path of nothing: several properties at once.
        props = changed(resource.props, path, value) if path else dict(entries(value))
        what = f"{'.'.join(map(str, path))} = {'(gone)' if value is GONE else value}"
        yield Mutation(before=resource, after=_with(resource, props), what=what)
    needed = resource.kind in {"PodDisruptionBudget", "ResourceQuota", "LimitRange"} or resource.type in LEFT_OUT
    if needed or _denies_all(resource):
        yield Mutation(before=resource, after=None, what="is left out")


def _with(resource: Resource, props: Mapping[str, Value]) -> Resource:
    return Resource(type=resource.type, urn=resource.urn, name=resource.name, props=props)


def _denies_all(resource: Resource) -> bool:
    return resource.kind == "NetworkPolicy" and not resource.at("spec", "podSelector", "matchLabels")


def _changes(resource: Resource) -> Iterator[tuple[Path, Value]]:
    if resource.kind in WORKLOADS:
        yield from _of_pod(resource)
        for number, container in enumerate(items(resource.at(*_POD, "containers"))):
            yield from _of_container(resource, (*_POD, "containers", number), container)
    yield from _OF_KIND.get(resource.kind, _nothing)(resource)
    yield from aws_changes(resource)


def _nothing(_resource: Resource) -> Iterator[tuple[Path, Value]]:
    return iter(())


def _of_pod(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for key in ("hostNetwork", "hostPID", "hostIPC", "automountServiceAccountToken"):
        yield (*_POD, key), True
    yield (*_POD, "volumes"), [{"name": "root", "hostPath": {"path": "/"}}]
    yield (*_POD, "securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}]
    if resource.at(*_POD, "securityContext", "seccompProfile") is not None:
        yield (*_POD, "securityContext", "seccompProfile", "type"), "Unconfined"
        yield (*_POD, "securityContext", "seccompProfile"), GONE
    if resource.at(*_POD, "securityContext", "runAsUser") is not None:
        yield (*_POD, "securityContext", "runAsUser"), 0
    for number, volume in enumerate(items(resource.at(*_POD, "volumes"))):
        if at(volume, "emptyDir") is not None:
            yield (*_POD, "volumes", number, "emptyDir"), {}
    if resource.kind in SERVERS:
        yield (*_POD, "serviceAccountName"), "default"
        yield ("spec", "template", "metadata", "labels"), {}
        yield ("metadata", "labels"), {}
        yield ("spec", "strategy"), {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}


def _of_container(resource: Resource, path: Path, container: Value) -> Iterator[tuple[Path, Value]]:
    context = (*path, "securityContext")
    yield context, {}
    yield (*context, "allowPrivilegeEscalation"), True
    yield (*context, "privileged"), True
    yield (*context, "readOnlyRootFilesystem"), False
    yield (*context, "runAsNonRoot"), False
    yield (*context, "runAsUser"), 0
    yield (*context, "capabilities", "drop"), []
    yield (*context, "capabilities", "add"), ["SYS_ADMIN"]
    yield (*context, "procMount"), "Unmasked"
    yield (*context, "seLinuxOptions"), {"type": "spc_t"}
    yield (*context, "appArmorProfile"), {"type": "Unconfined"}
    yield (*context, "seccompProfile"), {"type": "Unconfined"}
    for kind, what in itertools.product(("requests", "limits"), ("cpu", "memory")):
        yield (*path, "resources", kind, what), GONE
    yield (*path, "image"), "docker.io/library/nginx:latest"
    yield (*path, "image"), str(at(container, "image")).partition("@")[0]
    yield (*path, "ports"), [{"containerPort": 80, "hostPort": 80}]
    yield (*path, "env"), [{"name": "DB_PASSWORD", "value": "hunter2"}]
    probes = ("livenessProbe", "readinessProbe") if resource.kind in SERVERS else ()
    yield from (((*path, probe), GONE) for probe in probes if at(container, probe) is not None)


def _of_namespace(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for key, _ in entries(resource.at("metadata", "labels")):
        if key.startswith("pod-security"):
            yield ("metadata", "labels", key), "privileged"
            yield ("metadata", "labels", key), GONE
        if key in {"groundwork/environment", "groundwork/cost-centre"}:
            yield ("metadata", "labels", key), GONE


def _of_network_policy(resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("spec", "policyTypes"), ["Ingress"]
    yield ("spec", "policyTypes"), ["Egress"]
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for number, rule in enumerate(items(resource.at("spec", way))):
            yield ("spec", way, number), {}
            # Who may call a server from anywhere names no peers; its ports are all that closes it.
            if items(at(rule, peers)):
                yield ("spec", way, number, peers), [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
                yield ("spec", way, number, peers), [{"namespaceSelector": {}}]
    if _denies_all(resource):
        yield ("spec", "egress"), [{}]
        yield ("spec", "ingress"), [{}]


def _of_authorization(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for number, rule in enumerate(items(resource.at("spec", "rules"))):
        yield ("spec", "rules", number), {}
        for source, _ in enumerate(items(at(rule, "from"))):
            yield ("spec", "rules", number, "from", source, "source"), {"principals": ["*"]}
            yield ("spec", "rules", number, "from", source, "source"), {}
        if items(at(rule, "from")):
            yield ("spec", "rules", number, "from"), GONE
    if not items(resource.at("spec", "rules")):
        yield ("spec",), {"rules": [{}]}


def _of_role(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for number, _ in enumerate(items(resource.at("rules"))):
        for key in ("apiGroups", "resources", "verbs"):
            yield ("rules", number, key), ["*"]
        yield ("rules", number, "verbs"), ["impersonate"]


def _of_service(resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("spec", "type"), "NodePort"
    yield ("spec", "externalIPs"), ["192.0.2.1"]
    if resource.at("spec", "type") != "LoadBalancer" and str(resource.namespace) not in {
        "groundwork-gateway",
        "groundwork-domains",
    }:
        yield ("spec", "type"), "LoadBalancer"


def _of_gateway(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for number, server in enumerate(items(resource.at("spec", "servers"))):
        if at(server, "port", "protocol") != "HTTPS":
            yield ("spec", "servers", number, "hosts"), ["*/*"]
            continue
        yield ("spec", "servers", number, "port", "protocol"), "HTTP"
        yield ("spec", "servers", number, "tls", "mode"), "PASSTHROUGH"
        yield ("spec", "servers", number, "tls", "minProtocolVersion"), "TLSV1_0"
        yield ("spec", "servers", number, "tls", "cipherSuites"), ["AES128-SHA"]


def _of_sidecar(resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("spec", "egress"), GONE
    yield ("spec", "outboundTrafficPolicy"), {"mode": "ALLOW_ANY"}
    for number, listener in enumerate(items(resource.at("spec", "egress"))):
        yield ("spec", "egress", number, "hosts"), [*texts(at(listener, "hosts")), "*/*"]


def _of_peers(_resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("spec", "mtls", "mode"), "PERMISSIVE"
    yield ("spec", "mtls", "mode"), "DISABLE"
    yield ("spec", "portLevelMtls"), {"8080": {"mode": "DISABLE"}}


def _of_destination(_resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("spec", "trafficPolicy", "tls"), {"mode": "DISABLE"}


def _of_binding(_resource: Resource) -> Iterator[tuple[Path, Value]]:
    yield ("roleRef", "name"), "cluster-admin"
    yield ("subjects",), [{"kind": "Group", "name": "system:authenticated"}]


def _of_route(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for number, rule in enumerate(items(resource.at("spec", "http"))):
        for target, _ in enumerate(items(at(rule, "route"))):
            path: Path = ("spec", "http", number, "route", target, "destination", "host")
            yield path, "concierge.another.svc.cluster.local"


def _of_webhooks(resource: Resource) -> Iterator[tuple[Path, Value]]:
    for number, _ in enumerate(items(resource.at("webhooks"))):
        yield ("webhooks", number, "failurePolicy"), "Ignore"


_OF_KIND: Mapping[str, Callable[[Resource], Iterator[tuple[Path, Value]]]] = {
    "Namespace": _of_namespace,
    "NamespacePatch": _of_namespace,
    "NetworkPolicy": _of_network_policy,
    "AuthorizationPolicy": _of_authorization,
    "Role": _of_role,
    "ClusterRole": _of_role,
    "RoleBinding": _of_binding,
    "ClusterRoleBinding": _of_binding,
    "Service": _of_service,
    "Gateway": _of_gateway,
    "Sidecar": _of_sidecar,
    "PeerAuthentication": _of_peers,
    "DestinationRule": _of_destination,
    "VirtualService": _of_route,
    "ValidatingWebhookConfigurationPatch": _of_webhooks,
    "MutatingWebhookConfigurationPatch": _of_webhooks,
}
