"""What goes over the wire: requests as they are checked, responses as they are written."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from agent_runtime.errors import ApiError, Detail, ErrorType
from agent_runtime.models.base import Completion, Finish, Message, Usage

_UNSUPPORTED = ("tools", "tool_choice", "functions", "function_call", "response_format", "logprobs", "audio")
Model = TypeVar("Model", bound=BaseModel)


class InvokeRequest(BaseModel):
    """Body of POST /v1/invoke."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    input: Annotated[str, Field(min_length=1)]
    session: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class TextPart(BaseModel):
    """A piece of a message's content; only text is taken."""

    model_config = ConfigDict(strict=True, frozen=True)

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of a conversation that the caller keeps."""

    model_config = ConfigDict(strict=True, frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def message(self) -> Message:
        """As the model is given it; a developer's message is the system's."""
        role = "system" if self.role == "developer" else self.role
        content = self.content
        return Message(role, content if isinstance(content, str) else "".join(part.text for part in content))


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(strict=True, frozen=True)

    include_usage: bool = True


class ChatRequest(BaseModel):
    """Body of POST /v1/chat/completions. Unknown keys are ignored, those that would change the answer are refused."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    model: str | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    n: Literal[1] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, data: JsonValue) -> JsonValue:
        given = [key for key in _UNSUPPORTED if isinstance(data, dict) and data.get(key)]
        if given:
            raise PydanticCustomError("unsupported", "not supported by this agent: {keys}", {"keys": ", ".join(given)})
        return data

    @model_validator(mode="after")
    def _somebody_asks(self) -> Self:
        if all(message.role != "user" for message in self.messages):
            raise PydanticCustomError("no_question", "messages: one message at least must be the user's")
        return self

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that holds the token counts."""
        return self.stream_options is None or self.stream_options.include_usage


def parse(model: type[Model], body: bytes) -> Model:
    """The body as `model`. Raises ApiError: invalid_json (400), invalid_request (422); neither repeats the body."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        details = [Detail(where=".".join(map(str, problem["loc"])), message=problem["msg"]) for problem in problems]
        if problems[0]["type"] == "json_invalid":
            raise ApiError(type=ErrorType.INVALID_JSON, message=details[0]["message"]) from None
        raise ApiError(
            type=ErrorType.INVALID_REQUEST, message="the request is not as it must be", details=details[:20]
        ) from None


def invoke_body(completion: Completion, session: str, cost: float, currency: str) -> dict[str, JsonValue]:
    """Answer of POST /v1/invoke; `cost.amount` is in `cost.currency`, and null where the model gave no counts."""
    usage = completion.finish.usage
    return {
        "output": completion.text,
        "session": session,
        "finish_reason": completion.finish.reason,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens} if usage else None,
        "cost": {"amount": cost if usage else None, "currency": currency},
    }


class ChatWriter:
    """Writes one chat completion, whole or as server-sent events."""

    def __init__(self, model: str) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._model = model
        self._created = int(time.time())

    def whole(self, completion: Completion) -> dict[str, JsonValue]:
        """The response's JSON."""
        choice: dict[str, JsonValue] = {
            "index": 0,
            "message": {"role": "assistant", "content": completion.text},
            "finish_reason": completion.finish.reason,
        }
        return self._envelope("chat.completion", [choice], completion.finish.usage)

    def piece(self, text: str, *, first: bool) -> bytes:
        """A chunk with some of the text."""
        delta: dict[str, JsonValue] = {"role": "assistant", "content": text} if first else {"content": text}
        return self._chunk([{"index": 0, "delta": delta, "finish_reason": None}])

    def finish(self, finish: Finish) -> bytes:
        """The chunk that says why the answer ended."""
        return self._chunk([{"index": 0, "delta": {}, "finish_reason": finish.reason}])

    def usage(self, usage: Usage) -> bytes:
        """The chunk with the token counts, and no choices."""
        return self._chunk([], usage)

    def _chunk(self, choices: list[JsonValue], usage: Usage | None = None) -> bytes:
        return event(self._envelope("chat.completion.chunk", choices, usage))

    def _envelope(self, kind: str, choices: list[JsonValue], usage: Usage | None) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }
        if usage is not None:
            body["usage"] = {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
            }
        return body


DONE = b"data: [DONE]\n\n"


def event(body: Mapping[str, object]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
