"""Model providers: `echo`, and any address that speaks the OpenAI chat completions API."""

from __future__ import annotations

from pathlib import Path

from agent_runtime.models.base import Provider
from components.agents.manifest import AgentManifest, EchoModel


def provider_for(manifest: AgentManifest, secrets: Path) -> Provider:
    """The provider that the manifest names. Raises StartError where its key file is missing."""
    model = manifest.spec.model
    if isinstance(model, EchoModel):
        from agent_runtime.models.echo import EchoProvider

        return EchoProvider(model.think_time)
    from agent_runtime.models.openai import OpenAIProvider

    return OpenAIProvider.from_manifest(model, manifest.spec.limits.concurrency, secrets)
