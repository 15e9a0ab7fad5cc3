"""What the gateway's Envoy is told beyond what Istio tells it, as plain Envoy configuration.  (docs/gateway.md)"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from components.mesh.names import GATEWAY_NAMESPACE, service_host

Config = dict[str, JsonValue]

AUTHORIZER = service_host("authorizer", GATEWAY_NAMESPACE)
AUTHORIZER_PORT = 9000
RATELIMIT = service_host("ratelimit", GATEWAY_NAMESPACE)
RATELIMIT_PORT = 8081
# What images/ratelimit/domain.yaml names.
DOMAIN = "groundwork"
# Where Envoy keeps what the authoriser says: `tenant`, `key`, and `limits` of each.
AUTHORIZED = "envoy.filters.http.ext_authz"
# Only the platform says these; from outside they are dropped before anything reads them.
OWN_HEADERS = ("x-tenant-", "x-agent-", "x-principal", "x-groundwork-")
HSTS_SECONDS = 31_536_000

ROUTER = "envoy.filters.http.router"
CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
LOCAL_LIMIT = "envoy.filters.http.local_ratelimit"
_HTTP = "envoy.extensions.filters.http"
_LOCAL_LIMIT = f"{_HTTP}.local_ratelimit.v3.LocalRateLimit"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

# What a caller is told where Envoy itself answers: the agents' own shape (docs/agent-runtime.md), with nothing of ours.
LOCAL_REPLIES = {
    301: ("use_https", "this address answers over HTTPS only"),
    400: ("invalid_request", "the request could not be read"),
    404: ("not_found", "nothing answers at this address"),
    408: ("request_timeout", "the request took too long to arrive"),
    413: ("request_too_large", "the body is larger than the gateway takes"),
    426: ("upgrade_required", "this protocol is not spoken here"),
    429: ("rate_limited", "more requests than the limit allows; try again in a second"),
    431: ("headers_too_large", "the headers are larger or more than the gateway takes"),
    500: ("internal", "the gateway could not answer"),
    502: ("agent_unreachable", "the agent gave no answer that could be read"),
    503: ("unavailable", "no agent or no authorisation can be had now; try again"),
    504: ("timeout", "the agent took too long"),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, connection or gateway pod may take. Times in seconds, `header_kib` in KiB."""

    body_bytes: int = 1_048_576
    header_kib: int = 32
    headers: int = 64
    streams: int = 100
    connections: int = 10_000
    header_seconds: int = 10
    request_seconds: int = 60
    stream_idle_seconds: int = 120
    connection_idle_seconds: int = 300
    # Requests a second that one pod takes for all names together that no tenant's bucket is for.
    others_per_second: int = 100
    authorization_seconds: float = 2.0
    ratelimit_seconds: float = 0.5


def cluster(host: str, port: int) -> str:
    """Istio's name of the Envoy cluster of a Service."""
    return f"outbound|{port}||{host}"


def _filter(name: str, type_: str, config: Config) -> Config:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{type_}", **config}}


def _seconds(value: float) -> str:
    return f"{value:g}s"


def connection_manager(limits: Limits) -> Config:
    """How HTTP is read, for every port: sizes, times, paths, headers of ours, Envoy's own replies, the access log."""
    return _filter(
        CONNECTION_MANAGER,
        _MANAGER,
        {
            "max_request_headers_kb": limits.header_kib,
            "common_http_protocol_options": {
                "idle_timeout": _seconds(limits.connection_idle_seconds),
                "max_headers_count": limits.headers,
                # `x_tenant_id` and `x-tenant-id` are one name to many servers.
                "headers_with_underscores_action": "DROP_HEADER",
            },
            "http2_protocol_options": {
                "max_concurrent_streams": limits.streams,
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
            "request_headers_timeout": _seconds(limits.header_seconds),
            "request_timeout": _seconds(limits.request_seconds),
            "stream_idle_timeout": _seconds(limits.stream_idle_seconds),
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "server_header_transformation": "PASS_THROUGH",
            # A caller cannot choose the id that its request is found by, but learns it.
            "generate_request_id": True,
            "always_set_request_id_in_response": True,
            "early_header_mutation_extensions": [_strip_own_headers()],
            "local_reply_config": _local_replies(),
            "access_log": [_access_log()],
        },
    )


def _strip_own_headers() -> Config:
    mutations: list[JsonValue] = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in OWN_HEADERS]
    return _filter(
        "strip-own-headers",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        {"mutations": mutations},
    )


def _local_replies() -> Config:
    # The authoriser's refusals are local replies too, with a body of their own; a failed authorisation (503) has none.
    refused: Config = {
        "filter": {"response_flag_filter": {"flags": ["UAEX"]}},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "application/json",
        },
    }
    return {
        "mappers": [_reply(503), refused, *(_reply(status) for status in LOCAL_REPLIES if status != 503)],
        "body_format": {"json_format": _error("refused", "the gateway refused the request")},
    }


def _reply(status: int) -> Config:
    comparison: Config = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"groundwork.reply.{status}"}}
    return {
        "filter": {"status_code_filter": {"comparison": comparison}},
        "body_format_override": {"json_format": _error(*LOCAL_REPLIES[status])},
    }


def _error(type_: str, message: str) -> Config:
    return {"error": {"type": type_, "message": message, "request_id": "%REQ(X-REQUEST-ID)%"}}


def _access_log() -> Config:
    """One JSON object a request. No query, no header that could hold a secret: a path and a few names only."""
    fields: Config = {
        "time": "%START_TIME%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
        "tenant": f"%DYNAMIC_METADATA({AUTHORIZED}:tenant)%",
        "agent": f"%DYNAMIC_METADATA({AUTHORIZED}:agent)%",
        "key": f"%DYNAMIC_METADATA({AUTHORIZED}:key)%",
        "reason": f"%DYNAMIC_METADATA({AUTHORIZED}:reason)%",
        "method": "%REQ(:METHOD)%",
        "host": "%REQ(:AUTHORITY)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "first_byte_ms": "%RESPONSE_DURATION%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "sni": "%REQUESTED_SERVER_NAME%",
        "tls": "%DOWNSTREAM_TLS_VERSION%",
        "upstream": "%UPSTREAM_CLUSTER%",
    }
    return _filter(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        {"log_format": {"json_format": fields}},
    )


def http_filters(limits: Limits) -> list[Config]:
    """What every request on the TLS port goes through, in this order, before it is routed.

    Cheap refusals come before dear ones; a body is only taken in for a request that is let through.
    """
    return [_response_headers(), _local_limit(limits), _authorize(limits), _ratelimit(limits), _body(limits)]


def _response_headers() -> Config:
    """First of the filters, so last to see the answer: also Envoy's own."""
    always: Config = {"strict-transport-security": f"max-age={HSTS_SECONDS}; includeSubDomains"}
    default: Config = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
    }
    mutations: list[JsonValue] = [
        *(_append(key, value, "OVERWRITE_IF_EXISTS_OR_ADD") for key, value in always.items()),
        *(_append(key, value, "ADD_IF_ABSENT") for key, value in default.items()),
        {"remove": "server"},
        {"remove": "x-powered-by"},
        {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
    ]
    return _filter(
        "envoy.filters.http.header_mutation",
        f"{_HTTP}.header_mutation.v3.HeaderMutation",
        {"mutations": {"response_mutations": mutations}},
    )


def _append(key: str, value: JsonValue, action: str) -> Config:
    return {"append": {"header": {"key": key, "value": value}, "append_action": action}}


def _local_limit(limits: Limits) -> Config:
    """For names that are nobody's, where the authoriser would have to be asked first; a tenant's have their own."""
    return _filter(LOCAL_LIMIT, _LOCAL_LIMIT, _bucket("others", limits.others_per_second))


def tenant_bucket(requests_per_second: int) -> Config:
    """For a tenant's virtual host: what one gateway pod lets through to the authoriser, with no call to anyone.

    It must refuse nothing that the common count would let pass. The count begins anew each second by the clock, so a
    tenant within its limit may send twice the limit around the turn of a second: that much fits in. It is filled with
    a tenth more than the limit each second, evenly: Envoy's bucket has no steps, `fill_interval` only gives the rate.
    """
    return {"@type": f"type.googleapis.com/{_LOCAL_LIMIT}", **_bucket("tenant", requests_per_second)}


def no_bucket() -> Config:
    """For the virtual host of a tenant without a limit: a bucket that nothing enables.

    Without one Envoy refuses the whole route table: "token bucket must be set for per filter configs".
    """
    return {
        "@type": f"type.googleapis.com/{_LOCAL_LIMIT}",
        "stat_prefix": "unlimited",
        "token_bucket": {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "1s"},
    }


def _bucket(name: str, limit: int) -> Config:
    always: Config = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": name,
        "token_bucket": {
            "max_tokens": 2 * limit,
            "tokens_per_fill": limit + max(1, limit // 10),
            "fill_interval": "1s",
        },
        "filter_enabled": always,
        "filter_enforced": always,
        "response_headers_to_add": [_retry_after()],
    }


def _retry_after() -> Config:
    return {"header": {"key": "retry-after", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _authorize(limits: Limits) -> Config:
    """No answer from the authoriser is no: 503, nothing passes."""
    return _filter(
        AUTHORIZED,
        f"{_HTTP}.ext_authz.v3.ExtAuthz",
        {
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": {"cluster_name": cluster(AUTHORIZER, AUTHORIZER_PORT), "authority": AUTHORIZER},
                "timeout": _seconds(limits.authorization_seconds),
            },
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "validate_mutations": True,
            # The name that the client asked TLS for: it must be the name that it asks HTTP for.
            "include_tls_session": True,
        },
    )


def _ratelimit(limits: Limits) -> Config:
    """Counts over all gateway pods. Where the count cannot be had, requests pass: see docs/gateway.md for why."""
    return _filter(
        "envoy.filters.http.ratelimit",
        f"{_HTTP}.ratelimit.v3.RateLimit",
        {
            "domain": DOMAIN,
            "timeout": _seconds(limits.ratelimit_seconds),
            "failure_mode_deny": False,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "disable_x_envoy_ratelimited_header": True,
            "response_headers_to_add": [_retry_after()],
            "rate_limit_service": {
                "transport_api_version": "V3",
                "grpc_service": {
                    "envoy_grpc": {"cluster_name": cluster(RATELIMIT, RATELIMIT_PORT), "authority": RATELIMIT}
                },
            },
            "rate_limits": [_counted("tenant"), _counted("key")],
        },
    )


def _counted(name: str) -> Config:
    """One count. Whose it is and how many it may be is what the authoriser said; nothing said, nothing counted."""
    return {
        "actions": [
            {
                "metadata": {
                    "descriptor_key": name,
                    "metadata_key": {"key": AUTHORIZED, "path": [{"key": name}]},
                    "source": "DYNAMIC",
                }
            }
        ],
        "limit": {
            "dynamic_metadata": {"metadata_key": {"key": AUTHORIZED, "path": [{"key": "limits"}, {"key": name}]}}
        },
    }


def _body(limits: Limits) -> Config:
    """Takes the whole body in before the agent sees any of it: a slow sender costs the gateway and not an agent."""
    return _filter("envoy.filters.http.buffer", f"{_HTTP}.buffer.v3.Buffer", {"max_request_bytes": limits.body_bytes})
