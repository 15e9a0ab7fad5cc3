"""What experiments ask: is it there, is it as it was, is anything of a fault left?"""

from __future__ import annotations

import functools
import json
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping

from groundwork.waiting import wait_until
from loadtests.faults import clock, disk, ground, link, node, pods, pressure, proxy, vault

SETTLED_SECONDS = 180
LEFT: tuple[Callable[[], list[str]], ...] = (
    node.left,
    pods.left,
    link.left,
    proxy.left,
    pressure.left,
    disk.left,
    clock.left,
    vault.left,
)
# What the gateway answers who shows no key: it and its authoriser are there.
_REFUSED = (401, 403)
Object = Mapping[str, object]


def settled(namespace: str, seconds: int = SETTLED_SECONDS) -> bool:
    """Whether every Deployment of a namespace has all it wants, ready and of its present version, within a time."""
    return _settled([namespace], seconds)


def _settled(namespaces: Collection[str], seconds: int) -> bool:
    cluster = ground.here()
    return wait_until(lambda: all(map(_ready, _within(cluster.items("deployments"), namespaces))), seconds)


def available(namespace: str, deployment: str, seconds: int = 30) -> bool:
    """Whether a Deployment has a pod that answers, within a time."""
    cluster = ground.here()

    def seen() -> bool:
        match cluster.get("deployment", deployment, namespace):
            case {"status": {"availableReplicas": int(there)}}:
                return there > 0
        return False

    return wait_until(seen, seconds)


def stuck(namespace: str, deployment: str, seconds: int = 60) -> bool:
    """Whether a rollout is under way whose new pod does not become ready, while old ones serve."""
    cluster = ground.here()

    def seen() -> bool:
        match cluster.get("deployment", deployment, namespace):
            case {"status": {"availableReplicas": int(there), "unavailableReplicas": int(missing)}}:
                return there > 0 and missing > 0
        return False

    return wait_until(seen, seconds)


def door_answers(tenant: str, agent: str, seconds: int = 30) -> bool:
    """Whether the gateway and its authoriser send who has no key away from an agent, within a time.

    Asks nothing of the API server, but the first time: whom to trust is read from the cluster.
    """
    import httpx

    from local.front_door import GATEWAY

    host, trust = f"{tenant}.{_domain()}", _trust()

    def seen() -> bool:
        try:
            with httpx.Client(verify=trust, timeout=5) as client:
                answer = client.get(
                    f"https://{GATEWAY}/agents/{agent}/", headers={"host": host}, extensions={"sni_hostname": host}
                )
        except httpx.HTTPError:
            return False
        return answer.status_code in _REFUSED

    return wait_until(seen, seconds)


@functools.cache
def _trust() -> ssl.SSLContext:
    from local.front_door import authority

    return ssl.create_default_context(cadata=authority(ground.here()))


@functools.cache
def _domain() -> str:
    from local import record
    from local.paths import CHECKOUT, Paths
    from stacks.settings import from_file, settings_file

    return from_file(settings_file(record.require(Paths.for_user()).stack, CHECKOUT)).domain


def all_settled(seconds: int = SETTLED_SECONDS) -> bool:
    """Whether nothing of a fault is left: Deployments have all they want, and no kind of fault has left anything."""
    return _settled(ground.OURS, seconds) and not left()


def left() -> list[str]:
    """What is left of any fault, in words."""
    return [word for ask in LEFT for word in ask()]


def declared() -> dict[str, str]:
    """What is declared in the namespaces that experiments touch: object → its pods' template, or its spec.

    An experiment must leave it as it was. Replicas are left out where an autoscaler has them.
    """
    cluster = ground.here()
    scaled = {(_space(each), _target(each)) for each in cluster.items("horizontalpodautoscalers")}
    found = {}
    for each in _within(cluster.items("deployments"), ground.OURS):
        place, spec = (_space(each), ground.name_of(each)), each.get("spec")
        kept = dict(spec) if isinstance(spec, Mapping) else {}
        if place in scaled:
            kept.pop("replicas", None)
        found["/".join(place)] = json.dumps(kept, sort_keys=True)
    return found


def _within(found: Iterable[Object], namespaces: Collection[str]) -> list[Object]:
    return [each for each in found if _space(each) in namespaces]


def _space(found: Object) -> str:
    match found:
        case {"metadata": {"namespace": str(namespace)}}:
            return namespace
    return ""


def _ready(deployment: Object) -> bool:
    match deployment:
        case {"metadata": {"generation": now}, "spec": {"replicas": wanted}, "status": status}:
            seen = status if isinstance(status, Mapping) else {}
            counts = [seen.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
            return seen.get("observedGeneration") == now and counts == [wanted] * 3
    return False


def _target(autoscaler: Object) -> str:
    match autoscaler:
        case {"spec": {"scaleTargetRef": {"name": str(name)}}}:
            return name
    return ""
