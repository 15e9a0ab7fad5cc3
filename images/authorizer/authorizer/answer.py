"""What Envoy is told: go on, with headers and metadata, or this response."""

from __future__ import annotations

import json
from urllib.parse import quote

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.struct_pb2 import Struct
from google.rpc.status_pb2 import Status

from authorizer.asked import Asked, Seen, asked
from authorizer.decision import Judged

OK, UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE = 0, 16, 7, 14
_CODES = {401: UNAUTHENTICATED, 503: UNAVAILABLE}
_HEADER_SAFE = "!#$&'()*+,/:;=?@[]-._~"


def read(request: CheckRequest) -> Asked:
    """The question in our own form."""
    attributes = request.attributes
    http = attributes.request.http
    return asked(
        Seen(
            host=http.host,
            sni=attributes.tls_session.sni,
            method=http.method,
            path=http.path,
            headers=http.headers,
            request_id=http.id,
            source=attributes.source.address.socket_address.address,
        )
    )


def respond(judged: Judged) -> CheckResponse:
    """The answer in Envoy's form."""
    return _passed(judged) if judged.decision.allow else _refused(judged)


def _passed(judged: Judged) -> CheckResponse:
    asked = judged.asked
    ours = {
        "x-tenant-id": judged.tenant_name,
        "x-agent-name": asked.agent,
        "x-principal": quote(judged.decision.principal or "", safe=_HEADER_SAFE),
    }
    # Envoy removes after it has set: what is set here must not be among what is removed.
    ok = OkHttpResponse(
        headers=[_header(name, value) for name, value in ours.items()],
        headers_to_remove=[name for name in asked.forged if name not in ours],
    )
    return CheckResponse(status=Status(code=OK), ok_response=ok, dynamic_metadata=_metadata(judged))


def _refused(judged: Judged) -> CheckResponse:
    decision = judged.decision
    error = {"type": decision.reason, "message": decision.message, "request_id": judged.asked.request_id}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if decision.status == 401:
        headers["www-authenticate"] = f'Bearer realm="{judged.tenant_name}"' + (
            "" if decision.reason == "no_credential" else ', error="invalid_token"'
        )
    if decision.status == 503:
        headers["retry-after"] = "1"
    denied = DeniedHttpResponse(
        status=HttpStatus(code=decision.status),
        headers=[_header(name, value) for name, value in headers.items()],
        body=json.dumps({"error": error}, ensure_ascii=False) + "\n",
    )
    code = _CODES.get(decision.status, PERMISSION_DENIED)
    return CheckResponse(status=Status(code=code), denied_response=denied, dynamic_metadata=_metadata(judged))


def _metadata(judged: Judged) -> Struct:
    """What the rate limits and the access log read. A limit is in the form that Envoy overrides limits with."""
    found = Struct()
    found["reason"] = judged.decision.reason
    if judged.tenant is not None:
        found["tenant"] = judged.tenant_name
    if judged.asked.agent:
        found["agent"] = judged.asked.agent
    if judged.decision.principal is not None:
        found["principal"] = judged.decision.principal
    if judged.key is not None:
        found["key"] = judged.key.metadata.name
    for name, limit in judged.limits.items():
        each = found.get_or_create_struct("limits").get_or_create_struct(name)
        each["requests_per_unit"], each["unit"] = limit.requests_per_second, "SECOND"
    return found


def _header(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value), append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    )
