"""Logs: one JSON object a line on standard output, without payloads.

An exception is logged as its type and the places it passed; its message may quote a request and is left out.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

from agent_runtime.call import CURRENT

Field = str | int | float | bool | None | list[str]
_MAX_FRAMES = 20


class JsonFormatter(logging.Formatter):
    """Writes a record, its `fields`, and the ids of the call it belongs to."""

    def __init__(self, common: Mapping[str, Field]) -> None:
        super().__init__()
        self._common = dict(common)

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Field] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._common,
        }
        call = CURRENT.get()
        if call is not None:
            line |= {"request_id": call.request_id, "trace_id": call.trace_id, "span_id": call.span_id}
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            line |= fields
        if record.exc_info is not None and record.exc_info[0] is not None:
            line |= {"exception": record.exc_info[0].__name__, "frames": _frames(record.exc_info[2])}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-_MAX_FRAMES:]]


def configure(level: str, common: Mapping[str, Field]) -> None:
    """Send every logger of the process through the JSON formatter. `common` stands in every line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(common))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("uvicorn.error", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def fields(**values: Field) -> dict[str, dict[str, Field]]:
    """`extra=fields(port=8080)`: keys of their own in the log line."""
    return {"fields": values}
