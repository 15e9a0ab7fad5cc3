"""One request on its way through the service: what logs, metrics and traces say about it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.trace import INVALID_SPAN, Span, format_span_id, format_trace_id

from agent_runtime.errors import ErrorType

# What is asked of an agent; everything else is "other".
API = ("/v1/invoke", "/v1/chat/completions")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(kw_only=True)
class Call:
    """Filled in while the request is served. Times are seconds of the monotonic clock."""

    request_id: str
    route: str
    method: str
    span: Span = INVALID_SPAN
    started: float = field(default_factory=time.perf_counter)
    model_seconds: float = 0.0
    first_byte_seconds: float | None = None
    overhead_seconds: float | None = None
    status: int | None = None
    finished: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    error: ErrorType | None = None

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return format_trace_id(self.span.get_span_context().trace_id)

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded, so that it can be looked up by its id."""
        return self.span.get_span_context().trace_flags.sampled

    @property
    def span_id(self) -> str:
        """16 hexadecimal digits."""
        return format_span_id(self.span.get_span_context().span_id)

    def begin_response(self, status: int) -> None:
        """The answer begins: from here on the caller's own speed counts, so the service's overhead is taken now."""
        self.status = status
        self.first_byte_seconds = time.perf_counter() - self.started
        self.overhead_seconds = max(0.0, self.first_byte_seconds - self.model_seconds)

    @contextmanager
    def model_time(self) -> Iterator[None]:
        """Count the time within as the model's."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.model_seconds += time.perf_counter() - begun


CURRENT: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call:
    """The call being served in this context; an unobserved one where there is none (in tests of parts)."""
    return CURRENT.get() or Call(request_id="none", route="none", method="none")


def request_id(given: str | None) -> str:
    """The caller's own id where it is harmless (letters, digits, `.`, `_`, `-`), a new one otherwise."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
