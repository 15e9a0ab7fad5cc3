"""Clusters to plan for: builders for examples, and strategies for any cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from local.node_agent.objects import Namespace, NetworkPolicy, Pod, Service
from local.node_agent.plan import Cluster, NodePart

BRIDGE = "groundwork0"
NODE = "10.244.0.1"
OUTSIDE = ("192.0.2.9", "10.1.2.3")
UNKNOWN = "10.244.0.200"
DNS = NodePart(
    namespace="kube-system",
    labels={"k8s-app": "kube-dns"},
    address=NODE,
    ports=((53, "UDP", "dns"), (53, "TCP", "dns-tcp")),
)
NAMESPACES = {"a": {"team": "one"}, "b": {"team": "two", "tier": "front"}, "kube-system": {"name": "kube-system"}}


def namespace(name: str, labels: Mapping[str, str]) -> Namespace:
    return Namespace.model_validate({"metadata": {"name": name, "labels": labels}})


def pod(
    name: str,
    address: str,
    labels: Mapping[str, str] | None = None,
    *,
    home: str = "a",
    ports: Sequence[Mapping[str, object]] = (),
    **extra: object,
) -> Pod:
    """A pod; `extra`: `phase`, `hostNetwork`, `created`, `deleted`."""
    return Pod.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": home,
                "uid": f"uid-{home}-{name}",
                "labels": labels or {},
                "creationTimestamp": extra.get("created", "2026-01-01T00:00:00Z"),
                "deletionTimestamp": extra.get("deleted"),
            },
            "spec": {"hostNetwork": extra.get("hostNetwork", False), "containers": [{"ports": ports}]},
            "status": {"podIP": address, "phase": extra.get("phase", "Running")},
        }
    )


def policy(name: str = "p", *, home: str = "a", **spec: object) -> NetworkPolicy:
    return NetworkPolicy.model_validate({"metadata": {"name": name, "namespace": home}, "spec": spec})


def service(name: str, port: int, *, protocol: str = "TCP", ip: str = "", **extra: object) -> Service:
    ingress = [{"ip": ip}] if ip else []
    return Service.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": "a",
                "uid": name,
                "creationTimestamp": extra.get("created", "2026-01-01T00:00:00Z"),
                "deletionTimestamp": extra.get("deleted"),
            },
            "spec": {
                "type": extra.get("type", "LoadBalancer"),
                "loadBalancerClass": extra.get("kind"),
                "ports": [{"port": port, "protocol": protocol}],
            },
            "status": {"loadBalancer": {"ingress": ingress}},
        }
    )


def cluster(pods: Sequence[Pod], policies: Sequence[NetworkPolicy], **extra: Mapping[str, str]) -> Cluster:
    return Cluster(
        bridge=BRIDGE,
        namespaces=[namespace(name, labels) for name, labels in NAMESPACES.items()],
        pods=pods,
        policies=policies,
        parts=(DNS,),
        **extra,
    )


KEYS, VALUES = st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=2)
REQUIREMENTS = st.builds(
    lambda key, operator, values: {
        "key": key,
        "operator": operator,
        "values": values if operator in {"In", "NotIn"} else [],
    },
    KEYS,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(VALUES, min_size=1, max_size=2),
)
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(REQUIREMENTS, max_size=2)}
)
NAMESPACE_SELECTORS = st.sampled_from(
    [
        {},
        {"matchLabels": {"team": "one"}},
        {"matchLabels": {"name": "kube-system"}},
        {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
        {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["one"]}]},
    ]
)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]},
        {"cidr": "10.244.0.0/24", "except": ["10.244.0.2/31", "10.244.0.1/32"]},
        {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/9", "10.244.0.0/29"]},
        {"cidr": "192.0.2.9/32"},
        {"cidr": "2001:db8::/32"},
    ]
)
PEERS = st.one_of(
    st.fixed_dictionaries({"podSelector": SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": NAMESPACE_SELECTORS}),
    st.fixed_dictionaries({"podSelector": SELECTORS, "namespaceSelector": NAMESPACE_SELECTORS}),
    st.fixed_dictionaries({"ipBlock": BLOCKS}),
)
PROTOCOLS = st.sampled_from(["TCP", "UDP", "SCTP"])
PORTS = st.one_of(
    st.fixed_dictionaries({"protocol": PROTOCOLS}),
    st.fixed_dictionaries(
        {"protocol": PROTOCOLS, "port": st.sampled_from([53, 80, 8080, "web", "dns", "nobody", "dns-tcp"])}
    ),
    st.fixed_dictionaries({"protocol": PROTOCOLS, "port": st.just(79), "endPort": st.sampled_from([79, 81, 9000])}),
)


def rules(side: str) -> st.SearchStrategy[list[dict[str, object]]]:
    optional = {side: st.lists(PEERS, max_size=3), "ports": st.lists(PORTS, max_size=3)}
    return st.lists(st.fixed_dictionaries({}, optional=optional), max_size=2)


SPECS = st.fixed_dictionaries(
    {"podSelector": SELECTORS},
    optional={
        "ingress": rules("from"),
        "egress": rules("to"),
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    },
)
HOMES = st.sampled_from(["a", "b"])
CONTAINER_PORTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["web", "dns"]), "containerPort": st.sampled_from([80, 8080]), "protocol": PROTOCOLS}
    ),
    max_size=2,
)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    pods = [
        pod(f"p{number}", f"10.244.0.{number + 2}", draw(LABELS), home=draw(HOMES), ports=draw(CONTAINER_PORTS))
        for number in range(draw(st.integers(0, 5)))
    ]
    pods.append(pod("host", NODE, draw(LABELS), hostNetwork=True))
    pods.append(pod("over", UNKNOWN, draw(LABELS), phase="Succeeded"))
    specs = draw(st.lists(st.tuples(HOMES, SPECS), max_size=4))
    policies = [policy(f"n{number}", home=home, **spec) for number, (home, spec) in enumerate(specs)]
    return cluster(pods, policies)
