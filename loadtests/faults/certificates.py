"""Certificates that end: those of an agent's pods live a minute, so that they do while nobody renews them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from groundwork.errors import UserError
from loadtests.faults import ground, pods

# What pilot-agent asks istiod for, and when it asks again: at half of it.
BRIEF: Mapping[str, str] = {
    "SECRET_TTL": "1m",
    "SECRET_GRACE_PERIOD_RATIO": "0.5",
    "SECRET_GRACE_PERIOD_RATIO_JITTER": "0",
}
_ANNOTATION = "proxy.istio.io/config"
_VALUE = json.dumps({"proxyMetadata": dict(BRIEF)})


def brief_certificates(namespace: str, deployment: str) -> None:
    """Roll out a Deployment's pods with certificates of a minute. Raises UserError where it has settings of its own."""
    ground.ours(namespace)
    if _declared(namespace, deployment) not in {None, _VALUE}:
        raise UserError(what=f"{deployment}'s proxy has settings of its own", where=_ANNOTATION)
    pods.annotate_pods(namespace, deployment, _ANNOTATION, _VALUE)


def usual_certificates(namespace: str, deployment: str) -> bool:
    """Roll out its pods as they were, if they have certificates of a minute. Returns True."""
    ground.ours(namespace)
    if _declared(namespace, deployment) == _VALUE:
        pods.annotate_pods(namespace, deployment, _ANNOTATION, None)
    return True


def _declared(namespace: str, deployment: str) -> str | None:
    match ground.here().get("deployment", deployment, namespace):
        case {"spec": {"template": Mapping() as template}}:
            return ground.annotation(template, _ANNOTATION)
    return None
