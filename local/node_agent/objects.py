"""The parts of Kubernetes objects that the agent reads, as the API server writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A piece of an object; what is not named here is left out, so that two objects differ only where it matters."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Requirement(Part):
    """One line of `matchExpressions`."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it. `NotIn` holds, too, where there is no such label."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class Selector(Part):
    """A label selector; an empty one admits everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects an object with these labels."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.admits(labels) for requirement in self.match_expressions
        )


class Metadata(Part):
    """Who an object is."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None


class Object(Part):
    """Anything that is watched."""

    metadata: Metadata

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"


class Namespace(Object):
    """A namespace: its name and labels."""


class ContainerPort(Part):
    """A port a container declares; only those with a name matter to policies."""

    name: str = ""
    container_port: int
    protocol: str = "TCP"


class Container(Part):
    """A container's ports."""

    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Part):
    """Where a pod runs and what it listens on."""

    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class PodStatus(Part):
    """`pod_ip` stays set when a pod has ended, though the address may be another's by then."""

    phase: str = ""
    pod_ip: str = Field(default="", alias="podIP")


class Pod(Object):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def has_network(self) -> bool:
        """Whether it has, or will have, an address of its own."""
        return not self.spec.host_network and self.status.phase not in {"Succeeded", "Failed"}


class Block(Part):
    """A range of addresses less some others, all in CIDR notation."""

    cidr: str
    except_: tuple[str, ...] = Field(default=(), alias="except")


class Peer(Part):
    """The other end of a connection."""

    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: Block | None = None


class Port(Part):
    """A port, a range of ports, or a name that the destination's pod gives a port; None is every port."""

    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class Rule(Part):
    """What is let through: any of the peers (none: everybody) on any of the ports (none: everything)."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[Port, ...] = ()


class IngressRule(Rule):
    """A rule for what comes in."""

    peers: tuple[Peer, ...] = Field(default=(), alias="from")


class EgressRule(Rule):
    """A rule for what goes out."""

    peers: tuple[Peer, ...] = Field(default=(), alias="to")


class PolicySpec(Part):
    """See networking.k8s.io/v1."""

    pod_selector: Selector = Selector()
    policy_types: tuple[Literal["Ingress", "Egress"], ...] = ()
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()


class NetworkPolicy(Object):
    """A network policy."""

    spec: PolicySpec = PolicySpec()

    @property
    def types(self) -> frozenset[str]:
        """The directions it isolates. With none said: ingress, and egress where it has egress rules."""
        said = frozenset(self.spec.policy_types)
        return said or frozenset({"Ingress", "Egress"} if self.spec.egress else {"Ingress"})


class ServicePort(Part):
    """A port that a Service is reached on."""

    port: int
    protocol: str = "TCP"


class ServiceSpec(Part):
    """What makes a Service one for a load balancer."""

    type: str = "ClusterIP"
    load_balancer_class: str | None = None
    ports: tuple[ServicePort, ...] = ()


class Ingress(Part):
    """An address of a load balancer."""

    ip: str = ""


class LoadBalancer(Part):
    """The addresses that were given to a Service."""

    ingress: tuple[Ingress, ...] = ()


class ServiceStatus(Part):
    """What a load balancer says of a Service."""

    load_balancer: LoadBalancer = LoadBalancer()


class Service(Object):
    """A Service."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()
