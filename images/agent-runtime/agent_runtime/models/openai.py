"""A model behind any address that speaks the OpenAI chat completions API.

Nothing is tried twice: a retry hides a slow model from the tier's figures, and costs tokens. What the address answers
when it refuses is never repeated to the caller or the log, because it may quote the key or the conversation.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import BaseModel, Field, JsonValue, ValidationError

from agent_runtime.errors import ApiError, ErrorType
from agent_runtime.models.base import Completion, Finish, Prompt, Usage
from agent_runtime.settings import StartError
from components.agents.manifest import OpenAIModel


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)

    def counted(self) -> Usage:
        return Usage(input_tokens=self.prompt_tokens, output_tokens=self.completion_tokens)


class _Text(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Text
    finish_reason: str | None = None


class _Answer(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Piece(BaseModel):
    delta: _Text = _Text()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_Piece]
    usage: _Usage | None = None


class OpenAIProvider:
    """Asks over HTTP. The key is read from its file at every question, so that a rotated one is used at once."""

    name = "openai"

    def __init__(self, model: OpenAIModel, key_file: Path | None, client: httpx.AsyncClient) -> None:
        self._model = model
        self._key_file = key_file
        self._client = client
        self._url = f"{model.base_url.rstrip('/')}/chat/completions"

    @classmethod
    def from_manifest(cls, model: OpenAIModel, connections: int, secrets: Path) -> OpenAIProvider:
        """`secrets` is the folder where the pod mounts each Secret: `<secrets>/<secret>/<key>`. Raises StartError."""
        reference = model.api_key_from
        key_file = secrets / reference.secret / reference.key if reference else None
        if key_file is not None:
            _read_key(key_file)
        client = httpx.AsyncClient(
            timeout=httpx.Timeout(model.timeout.total_seconds()),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        return cls(model, key_file, client)

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer. Raises ApiError: model_*."""
        with _translated():
            response = await self._client.post(self._url, json=self._body(prompt), headers=self._headers(prompt))
            _check(response)
            answer = _Answer.model_validate_json(response.content)
        choice = answer.choices[0]
        finish = Finish(reason=choice.finish_reason or "stop", usage=answer.usage.counted() if answer.usage else None)
        return Completion(text=choice.message.content or "", finish=finish)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """Pieces as the address sends them. Raises ApiError: model_*."""
        body = self._body(prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        reason: str | None = None
        usage: Usage | None = None
        with _translated():
            async with self._client.stream("POST", self._url, json=body, headers=self._headers(prompt)) as response:
                _check(response)
                async for chunk in _chunks(response):
                    if chunk.usage is not None:
                        usage = chunk.usage.counted()
                    for piece in chunk.choices[:1]:
                        if piece.delta.content:
                            yield piece.delta.content
                        reason = piece.finish_reason or reason
        if reason is None:
            raise ApiError(type=ErrorType.MODEL_ERROR, message="the model's answer broke off")
        yield Finish(reason=reason, usage=usage)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, prompt: Prompt) -> dict[str, JsonValue]:
        temperature = self._model.temperature if prompt.temperature is None else prompt.temperature
        return {
            "model": self._model.name,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            "max_tokens": prompt.max_tokens,
            "temperature": temperature,
        }

    def _headers(self, prompt: Prompt) -> dict[str, str]:
        headers = dict(prompt.headers)
        if self._key_file is not None:
            try:
                headers["Authorization"] = f"Bearer {_read_key(self._key_file)}"
            except StartError:
                raise ApiError(type=ErrorType.MODEL_ERROR, message="the model's key cannot be read") from None
        return headers


async def _chunks(response: httpx.Response) -> AsyncGenerator[_Chunk, None]:
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            return
        if data:
            yield _Chunk.model_validate_json(data)


def _read_key(file: Path) -> str:
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"the model's key: {file} cannot be read ({type(error).__name__})") from None
    if not key or not key.isprintable():
        raise StartError(f"the model's key: {file} is empty or not one line of text")
    return key


def _check(response: httpx.Response) -> None:
    match response.status_code:
        case 200:
            return
        case 429 | 503:
            after = response.headers.get("Retry-After", "")
            seconds = max(1, min(int(after), 3600)) if after.isascii() and after.isdigit() and len(after) < 10 else 1
            raise ApiError(type=ErrorType.MODEL_OVERLOADED, message="the model is overloaded", retry_after=seconds)
        case 400 | 413 | 422:
            raise ApiError(type=ErrorType.MODEL_REJECTED, message="the model does not accept this conversation")
        case status:
            raise ApiError(type=ErrorType.MODEL_ERROR, message=f"the model's address answered with status {status}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException:
        raise ApiError(type=ErrorType.MODEL_TIMEOUT, message="the model did not answer in time") from None
    except httpx.TransportError:
        raise ApiError(type=ErrorType.MODEL_UNREACHABLE, message="the model cannot be reached") from None
    except (ValidationError, httpx.HTTPError):
        raise ApiError(type=ErrorType.MODEL_ERROR, message="the model's answer cannot be understood") from None
