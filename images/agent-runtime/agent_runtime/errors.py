"""What a caller is told when there is no answer: one JSON shape, `{"error": {"type", "message", …}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import TypedDict

from starlette.responses import JSONResponse


class ErrorType(StrEnum):
    """Every `type` there is; the `type` label of the errors metric as well."""

    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "request_too_large"
    SLOW_REQUEST = "request_timeout"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MODEL_NOT_FOUND = "model_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_OVERLOADED = "model_overloaded"
    MODEL_REJECTED = "model_rejected_request"
    MODEL_ERROR = "model_error"
    DISCONNECTED = "client_disconnected"
    INTERNAL = "internal"


STATUS: Mapping[ErrorType, HTTPStatus] = MappingProxyType(
    {
        ErrorType.INVALID_JSON: HTTPStatus.BAD_REQUEST,
        ErrorType.INVALID_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorType.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorType.SLOW_REQUEST: HTTPStatus.REQUEST_TIMEOUT,
        ErrorType.NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorType.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
        ErrorType.MODEL_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorType.SESSION_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorType.OVERLOADED: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorType.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorType.MODEL_TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
        ErrorType.MODEL_UNREACHABLE: HTTPStatus.BAD_GATEWAY,
        ErrorType.MODEL_OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorType.MODEL_REJECTED: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorType.MODEL_ERROR: HTTPStatus.BAD_GATEWAY,
        ErrorType.DISCONNECTED: HTTPStatus.BAD_REQUEST,
        ErrorType.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)


class Detail(TypedDict):
    """One thing that is wrong with a request; `where` is the path in its JSON, such as messages.0.role."""

    where: str
    message: str


class ErrorBody(TypedDict, total=False):
    """What stands under `error`. `retry_after` is in seconds."""

    type: str
    message: str
    request_id: str
    details: Sequence[Detail]
    retry_after: int


@dataclass(kw_only=True)
class ApiError(Exception):
    """Ends a call. `message` is read by the caller: it never holds a payload, a secret or what a model answered."""

    type: ErrorType
    message: str
    details: Sequence[Detail] = ()
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status that belongs to the type."""
        return STATUS[self.type]


def error_body(error: ApiError, request_id: str) -> dict[str, ErrorBody]:
    """The JSON of an error, for a response or for an event of a stream."""
    body = ErrorBody(type=error.type.value, message=error.message, request_id=request_id)
    if error.details:
        body["details"] = error.details
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    return {"error": body}


def error_response(error: ApiError, request_id: str) -> JSONResponse:
    """The response for an error, with `Retry-After` (seconds) where waiting helps."""
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(error_body(error, request_id), status_code=error.status, headers=headers)
