"""The outermost layer: every request is admitted, given its ids, measured, logged and, whatever happens, answered."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_runtime.call import API, CURRENT, Call, request_id
from agent_runtime.errors import ApiError, ErrorType, error_response
from agent_runtime.limits import Admission
from agent_runtime.logs import fields
from agent_runtime.metrics import Metrics
from agent_runtime.state import State
from agent_runtime.tracing import Tracing, end

PROBES = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNFORESEEN = ApiError(type=ErrorType.INTERNAL, message="something went wrong; the log has it under the request's id")
_log = logging.getLogger("agent_runtime.requests")


class Observed:
    """ASGI middleware. Probes pass through unseen."""

    def __init__(self, app: ASGIApp, *, admission: Admission, metrics: Metrics, tracing: Tracing, state: State) -> None:
        self._app = app
        self._admission = admission
        self._metrics = metrics
        self._tracing = tracing
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        call = self._begin(scope)
        token = CURRENT.set(call)
        try:
            await self._serve(call, scope, receive, self._sender(call, send))
        finally:
            self._finish(call)
            CURRENT.reset(token)

    def _begin(self, scope: Scope) -> Call:
        headers = Headers(scope=scope)
        route = scope["path"] if scope["path"] in API else "other"
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        return Call(
            request_id=request_id(headers.get("x-request-id")),
            route=route,
            method=method,
            span=self._tracing.request(method, route, headers),
        )

    async def _serve(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        limited = call.route != "other" and call.method == "POST"
        try:
            with self._admission.admitted() if limited else nullcontext():
                await self._app(scope, receive, send)
        except ApiError as error:
            call.error = error.type
            await error_response(error, call.request_id)(scope, receive, send)
        except Exception:
            call.error = ErrorType.INTERNAL
            _log.exception("a request failed")
            if call.status is not None:
                raise
            await error_response(_UNFORESEEN, call.request_id)(scope, receive, send)

    def _sender(self, call: Call, send: Send) -> Send:
        async def observing(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.begin_response(message["status"])
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = call.request_id
                if self._state.draining:
                    # Callers that keep connections open move to another replica before this one stops.
                    headers["Connection"] = "close"
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                call.finished = True

        return observing

    def _finish(self, call: Call) -> None:
        seconds = time.perf_counter() - call.started
        if not call.finished and call.error is None:
            call.error = ErrorType.DISCONNECTED
        self._metrics.finished(call)
        if call.route != "other" and call.error not in {ErrorType.OVERLOADED, ErrorType.RATE_LIMITED}:
            self._metrics.timed(call, seconds)
        if call.status is not None:
            call.span.set_attribute("http.response.status_code", call.status)
        failed = call.error is not None and (call.status is None or call.status >= 500 or not call.finished)
        end(call.span, call.error.value if call.error is not None and failed else None)
        _log.info(
            "request",
            extra=fields(
                method=call.method,
                route=call.route,
                status=call.status,
                milliseconds=round(seconds * 1000, 1),
                model_milliseconds=round(call.model_seconds * 1000, 1),
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
                error=call.error.value if call.error is not None else None,
            ),
        )
