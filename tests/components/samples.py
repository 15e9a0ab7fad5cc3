"""Manifests for tests."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from components.agents.manifest import AgentManifest, parse_manifest

DIGEST = "localhost/groundwork/agent-runtime@sha256:" + "a" * 64

FULL = """\
apiVersion: groundwork/v1
kind: Agent
metadata: {name: concierge, description: Answers guests' questions, labels: {team: front-desk}}
spec:
  image: agent-runtime
  tier: standard
  model:
    provider: openai
    name: small-1
    baseUrl: https://models.example.com/v1
    apiKeyFrom: {secret: model-key, key: token}
    timeout: 10s
    maxTokens: 512
    temperature: 0.2
    price: {inputPerMillionTokens: 0.15, outputPerMillionTokens: 0.60, currency: USD}
  instructions: You are …
  tools: [{name: weather, kind: http, url: "https://weather.example.com/now"}]
  channels: {subscribe: [orders.created], publish: [orders.answered]}
  memory: {sessions: {store: local, ttl: 1h}}
  resources: {cpu: 250m, memory: 256Mi}
  limits: {concurrency: 32, requestBytes: 1Mi, requestsPerMinute: 600}
  scaling: {min: 2, max: 4, targetCpuPercent: 70}
  egress: ["models.example.com:443", "weather.example.com:443"]
  drain: 20s
  env: {GREETING: hello, STORE_TOKEN: {secret: store, key: token}}
"""


def manifest(name: str = "concierge", **spec: object) -> AgentManifest:
    """A small manifest, with more of its spec where it is given."""
    given: Mapping[str, object] = {"image": "agent-runtime", "model": {"provider": "echo"}} | spec
    document = {"apiVersion": "groundwork/v1", "kind": "Agent", "metadata": {"name": name}, "spec": given}
    return parse_manifest(yaml.safe_dump(document))
