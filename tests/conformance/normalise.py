"""Takes out of a recording what two runs never share: ids, times, addresses and the random part of names."""

from __future__ import annotations

import re

from pydantic import JsonValue

_SECRET = "4dabf18193072939515e22adb298388d"  # the key by which the engine marks a secret in the state
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"  # the letters that Kubernetes makes random names of
_TEXT = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b(10|127|172|192)(\.\d{1,3}){3}(:\d+)?\b"), "<address>"),
    # name-<8 hex> by the plugin, then -<hash of the template> by a controller, then -<5 letters> of a pod
    (re.compile(rf"-[0-9a-f]{{8}}(?:-{_SAFE}{{6,10}}(?:-{_SAFE}{{5}})?|-{_SAFE}{{5}})\b"), "-<pod>"),
    (re.compile(r"-[0-9a-f]{8}\b"), "-<hex>"),
)
_HIDDEN_KEYS = {
    "resourceVersion",
    "clusterIP",
    "clusterIPs",
    "nodeName",
    "podIP",
    "podIPs",
    "hostIP",
    "hostIPs",
    "nodePort",
    "healthCheckNodePort",
    "controller-revision-hash",
    "pod-template-hash",
    "currentRevision",
    "updateRevision",
    "caBundle",
}


def text(value: str) -> str:
    """The string with every random part replaced by what kind of thing it is, such as `<uid>`."""
    for pattern, name in _TEXT:
        value = pattern.sub(name, value)
    return value


def value(raw: JsonValue) -> JsonValue:
    """The same for a whole JSON value. Secrets of the state become `<secret>`: their ciphertext is never the same."""
    if isinstance(raw, str):
        return text(raw)
    if isinstance(raw, list):
        return [value(item) for item in raw]
    if isinstance(raw, dict):
        if _SECRET in raw:
            return "<secret>"
        return {text(key): f"<{key}>" if key in _HIDDEN_KEYS else value(item) for key, item in raw.items()}
    return raw
