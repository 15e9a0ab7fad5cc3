"""Nothing of a tenant reaches into another tenant's namespace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_LABEL = "groundwork/tenant"
_PLATFORM = re.compile(r"^(groundwork-[a-z0-9-]+|istio-system|kube-system|gatekeeper-system)$")
# Of no namespace. Gatekeeper makes their kinds, and a provider that does not know one yet notes its own default.
_CONSTRAINTS = "kubernetes:constraints.gatekeeper.sh/"
_HOST = re.compile(r"^(?:[^/]+/)?(?:.*\.)?([a-z0-9-]+)\.svc\.cluster\.local$")
_PRINCIPAL = re.compile(r"/ns/([^/]+)/sa/")


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    spaces = {str(each.at("metadata", "name")) for each in resources if _is_tenants(each)}
    for resource in resources:
        if not resource.kind or resource.kind == "Namespace" or resource.type.startswith(_CONSTRAINTS):
            continue
        if resource.at("metadata") is not None and not _may_stand(resource, spaces):
            yield resource, f"stands in {resource.namespace}, which is neither its tenant's nor the platform's"
        for space in _reached(resource):
            if space not in spaces and not _PLATFORM.match(space):
                yield resource, f"reaches into {space}"


def _is_tenants(resource: Resource) -> bool:
    return resource.kind == "Namespace" and resource.at("metadata", "labels", _LABEL) is not None


def _may_stand(resource: Resource, spaces: set[str]) -> bool:
    space = resource.namespace
    return space is None or str(space) in spaces or bool(_PLATFORM.match(str(space)))


def _reached(resource: Resource) -> Iterator[str]:
    """The namespaces that a route, a policy of the mesh or of the network names."""
    match resource.kind:
        case "VirtualService":
            for protocol in ("http", "tls", "tcp"):
                for rule in items(resource.at("spec", protocol)):
                    for target in (*items(at(rule, "route")), *items(at(rule, "mirrors"))):
                        yield from _of_hosts([str(at(target, "destination", "host"))])
        case "Sidecar":
            for listener in items(resource.at("spec", "egress")):
                yield from _of_hosts(texts(at(listener, "hosts")))
        case "AuthorizationPolicy":
            for source in _parts(resource, "rules", "from"):
                yield from _of_source(at(source, "source"))
        case "NetworkPolicy":
            for peer in (*_parts(resource, "ingress", "from"), *_parts(resource, "egress", "to")):
                yield from _of_selector(at(peer, "namespaceSelector"))


def _parts(resource: Resource, rules: str, key: str) -> Iterator[Value]:
    for rule in items(resource.at("spec", rules)):
        yield from items(at(rule, key))


def _of_source(source: Value) -> Iterator[str]:
    yield from texts(at(source, "namespaces"))
    for principal in texts(at(source, "principals")):
        yield from _PRINCIPAL.findall(principal) or [principal]


def _of_hosts(hosts: list[str]) -> Iterator[str]:
    for host in hosts:
        found = _HOST.match(host)
        if found:
            yield found.group(1)
        elif "/" in host and host.partition("/")[0] not in {".", "~"}:
            yield host.partition("/")[0]


def _of_selector(selector: Value) -> Iterator[str]:
    if selector is None:
        return
    name = at(selector, "matchLabels", "kubernetes.io/metadata.name")
    if name is not None:
        yield str(name)
    elif at(selector, "matchLabels", _LABEL) is not None:
        yield str(at(selector, "matchLabels", _LABEL))
    elif not at(selector, "matchLabels") and not items(at(selector, "matchExpressions")):
        yield "every namespace"


RULE = Rule(
    id="tenants-apart",
    title="Nothing of a tenant reaches into another tenant's namespace",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Network separation", "NIST SP 800-204B"),
    remediation="route, allow and select only within the tenant's namespace and the platform's own",
    types=frozenset({"Namespace", "VirtualService", "Sidecar", "AuthorizationPolicy", "NetworkPolicy"}),
    stack=_check,
)
