"""Which LoadBalancer Services get 127.0.0.1. Pure: who gets what, and why others do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.node_agent.objects import Service

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Assignment:
    """What is to be done about one Service. `reason`: why it gets no address; empty where it gets one."""

    service: Service
    reason: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """What its status should say."""
        return () if self.reason else (ADDRESS,)

    @property
    def is_due(self) -> bool:
        """Whether its status says something else."""
        return tuple(entry.ip for entry in self.service.status.load_balancer.ingress) != self.addresses


def assign(services: Sequence[Service], taken: Callable[[str], set[int]]) -> list[Assignment]:
    """Each Service that asks for a load balancer of no other class, those that have their address already first.

    `taken`: the ports, by protocol, that programs of this machine listen on. A Service gets all its ports or none.
    """
    ours = sorted(filter(is_ours, services), key=_turn)
    used: dict[tuple[str, int], str] = {}
    result = []
    for service in ours:
        wanted = [(port.protocol, port.port) for port in service.spec.ports]
        reasons = [reason for port in wanted if (reason := _conflict(port, used, taken, service))]
        result.append(Assignment(service, "; ".join(reasons)))
        if not reasons:
            used |= dict.fromkeys(wanted, service.key)
    return result


def is_ours(service: Service) -> bool:
    """Whether the agent is its load balancer."""
    return (
        service.spec.type == "LoadBalancer"
        and service.spec.load_balancer_class is None
        and service.metadata.deletion_timestamp is None
    )


def _has_address(service: Service) -> bool:
    return any(entry.ip == ADDRESS for entry in service.status.load_balancer.ingress)


def _turn(service: Service) -> tuple[bool, str, str]:
    return not _has_address(service), service.metadata.creation_timestamp, service.key


def _conflict(
    wanted: tuple[str, int],
    used: dict[tuple[str, int], str],
    taken: Callable[[str], set[int]],
    service: Service,
) -> str:
    protocol, port = wanted
    if wanted in used:
        return f"{protocol} port {port} of {ADDRESS} is served for {used[wanted]}"
    if not _has_address(service) and port in taken(protocol):
        return f"{protocol} port {port} of {ADDRESS} is in use by a program of this machine"
    return ""
