"""Run the service: `python -m agent_runtime`. Exit codes: 0 stopped when told to, 2 cannot start as it is set up."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from agent_runtime import logs
from agent_runtime.server import serve
from agent_runtime.service import build
from agent_runtime.settings import Settings, StartError
from agent_runtime.tracing import exporter
from components.agents.manifest import ManifestError, load_manifest


def main() -> int:
    """Read settings and manifest, then serve until told to stop."""
    logs.configure("info", {})
    log = logging.getLogger("agent_runtime")
    try:
        settings = Settings.from_environment(os.environ)
        manifest = load_manifest(settings.manifest)
        logs.configure(settings.log_level, {"agent": manifest.name, "tenant": settings.tenant})
        spec = manifest.spec
        declared = {"tools": spec.tools, "channels": spec.channels.subscribe or spec.channels.publish}
        unused = [name for name, value in declared.items() if value]
        if unused:
            log.warning("declared in the manifest, not used by this runtime", extra=logs.fields(keys=unused))
        service = build(manifest, settings, processor=exporter() if settings.export_traces else None)
        asyncio.run(serve(service, settings, spec.drain))
    except ManifestError as error:
        log.error("the manifest cannot be used", extra=logs.fields(problems=[str(each) for each in error.problems]))
        return 2
    except StartError as error:
        log.error("cannot start", extra=logs.fields(problems=[str(error)]))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
