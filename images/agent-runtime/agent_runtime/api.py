"""The HTTP interface: two ways to ask the agent, and probes; metrics have a listener of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from agent_runtime.agent import Agent, Wish
from agent_runtime.call import current_call
from agent_runtime.errors import ApiError, ErrorType, error_body, error_response
from agent_runtime.metrics import Metrics
from agent_runtime.models.base import Finish
from agent_runtime.state import State
from agent_runtime.wire import DONE, ChatRequest, ChatWriter, InvokeRequest, event, invoke_body, parse

_BODY_SECONDS = 10.0


class EventStream(StreamingResponse):
    """Server-sent events from a generator that is closed as soon as the caller goes away."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send everything."""
        async with aclosing(self._events):
            await super().stream_response(send)


@dataclass(frozen=True)
class Api:
    """The endpoints of one agent. `max_body`: bytes of a request."""

    agent: Agent
    state: State
    max_body: int

    async def invoke(self, request: Request) -> Response:
        """POST /v1/invoke: one turn of a conversation that the agent keeps."""
        asked = parse(InvokeRequest, await self._body(request))
        completion, session = await self.agent.converse(asked.input, asked.session)
        return JSONResponse(
            invoke_body(completion, session, self.agent.cost(completion.finish), self.agent.model.price.currency)
        )

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions: a conversation that the caller keeps, in OpenAI's form."""
        asked = parse(ChatRequest, await self._body(request))
        known = (self.agent.name, self.agent.model.name)
        if asked.model is not None and asked.model not in known:
            raise ApiError(
                type=ErrorType.MODEL_NOT_FOUND, message=f"the model is unknown; there is {' and '.join(set(known))}"
            )
        messages = [message.message() for message in asked.messages]
        wish = Wish(max_tokens=asked.max_completion_tokens or asked.max_tokens, temperature=asked.temperature)
        writer = ChatWriter(self.agent.model.name)
        if not asked.stream:
            return JSONResponse(writer.whole(await self.agent.complete(messages, wish)))
        pieces = self.agent.stream(messages, wish)
        # The first piece is awaited here, so that a model that does not answer gives a status, not a broken stream.
        first = await anext(pieces)
        return EventStream(_events(writer, first, pieces, with_usage=asked.wants_usage))

    async def healthz(self, _: Request) -> Response:
        """GET /healthz: the process serves, draining or not."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """GET /readyz: whether new traffic should come here."""
        return PlainTextResponse("draining\n", 503) if self.state.draining else PlainTextResponse("ready\n")

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in request.stream():
                    body += part
                    if len(body) > self.max_body:
                        raise ApiError(type=ErrorType.TOO_LARGE, message=f"a request has at most {self.max_body} bytes")
        except TimeoutError:
            raise ApiError(
                type=ErrorType.SLOW_REQUEST, message=f"the body took longer than {_BODY_SECONDS:g} s"
            ) from None
        except ClientDisconnect:
            raise ApiError(type=ErrorType.DISCONNECTED, message="the caller went away") from None
        return bytes(body)


async def _events(
    writer: ChatWriter, first: str | Finish, pieces: AsyncGenerator[str | Finish, None], *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    """The stream's events. An error after the first is an event too, and then there is no [DONE]."""
    async with aclosing(pieces):
        piece, is_first = first, True
        try:
            while isinstance(piece, str):
                yield writer.piece(piece, first=is_first)
                piece, is_first = await anext(pieces), False
        except ApiError as error:
            call = current_call()
            call.error = error.type
            yield event(error_body(error, call.request_id))
            return
        yield writer.finish(piece)
        if with_usage and piece.usage is not None:
            yield writer.usage(piece.usage)
        yield DONE


async def _http_error(_: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in this service's shape."""
    call = current_call()
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if isinstance(error, HTTPException) and error.status_code == 405:
        call.error = ErrorType.METHOD_NOT_ALLOWED
        message = f"allowed: {headers.get('Allow', 'another method')}"
    else:
        call.error = ErrorType.NOT_FOUND
        message = "there is POST /v1/invoke and POST /v1/chat/completions"
    return error_response(ApiError(type=call.error, message=message, headers=headers), call.request_id)


def api_app(api: Api, observed: Middleware) -> Starlette:
    """The application of the main listener."""
    return Starlette(
        routes=[
            Route("/v1/invoke", api.invoke, methods=["POST"]),
            Route("/v1/chat/completions", api.chat, methods=["POST"]),
            Route("/healthz", api.healthz),
            Route("/readyz", api.readyz),
        ],
        middleware=[observed],
        exception_handlers={HTTPException: _http_error},
    )


def metrics_app(metrics: Metrics) -> Starlette:
    """The application of the metrics listener."""

    async def show(request: Request) -> Response:
        text, content_type = metrics.text(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    return Starlette(routes=[Route("/metrics", show)])
