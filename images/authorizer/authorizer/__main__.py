"""Run the service: `python -m authorizer`. Exit codes: 0 stopped when told to, 2 cannot start as it is set up."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from authorizer import logs
from authorizer.service import Service
from authorizer.settings import Settings, StartError


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    await Service(settings, asyncio.get_running_loop()).serve()


def main() -> int:
    """Read the settings, then serve."""
    logs.configure()
    try:
        asyncio.run(serve(Settings.from_environment(os.environ)))
    except StartError as error:
        logging.getLogger("authorizer").error("cannot start", extra={"fields": {"problem": str(error)}})
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Watches sit in reads that nothing but their own end can end; at an ordinary exit their threads would be torn.
    os._exit(code)
