"""The process: a snapshot at once, then one each time that the interval has passed, until SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from secret_rotator.serving import serve
from snapshot_keeper.keeper import Keeper, Source
from snapshot_keeper.s3 import Bucket, credentials

# After one that failed.
AGAIN_SECONDS = 300.0


def main() -> None:
    """Settings come from the environment; none of them is a secret."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    registry, ended, given = CollectorRegistry(), threading.Event(), os.environ
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    source = Source(
        address=given["OPENBAO_ADDRESS"],
        authority=Path(given["OPENBAO_AUTHORITY"]),
        token=Path(given["OPENBAO_TOKEN_FILE"]),
        role=given["OPENBAO_ROLE"],
    )
    bucket = Bucket(
        endpoint=given["S3_ENDPOINT"],
        region=given["S3_REGION"],
        name=given["S3_BUCKET"],
        account=given["S3_ACCOUNT"],
    )
    every = float(given["SNAPSHOT_SECONDS"])
    keeper = Keeper(
        source.take,
        lambda name, file: bucket.put(name, file, credentials()),
        clock=time.time,
        every=every,
        prefix=given["S3_PREFIX"],
        registry=registry,
    )
    serve(registry)
    while not ended.is_set():
        ended.wait(every if keeper.round() else min(every, AGAIN_SECONDS))


if __name__ == "__main__":
    main()
