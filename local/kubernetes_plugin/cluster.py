"""The API server: requests for objects of any kind, and which kinds there are."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.kubernetes_plugin.errors import ApiError, NoMatchError, UnreachableError
from local.kubernetes_plugin.kubeconfig import Connection
from local.kubernetes_plugin.objects import GVK, is_crd, name, namespace, pluck
from local.plugin.values import Json, Object

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class _Call:
    """One HTTP request."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json = None
    content_type: str = _JSON
    accept: str = _JSON
    stream: bool = False
    patient: bool = True


@dataclass(frozen=True)
class Resource:
    """Where objects of one kind are found."""

    group: str
    version: str
    plural: str
    namespaced: bool

    def path(self, in_namespace: str = "", object_name: str = "") -> str:
        """The URL path of the collection, or of one object in it."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and in_namespace:
            root += f"/namespaces/{in_namespace}"
        tail = f"/{urllib.parse.quote(object_name)}" if object_name else ""
        return f"{root}/{self.plural}{tail}"


PODS: Final = Resource("", "v1", "pods", namespaced=True)
EVENTS: Final = Resource("", "v1", "events", namespaced=True)


class Cluster:
    """One API server. Safe to use from many threads; every method raises `ApiError` or `UnreachableError`."""

    def __init__(self, connection: Connection, timeout: float | None = None) -> None:
        self._connection = connection
        self._timeout = timeout
        self._lock = threading.Lock()
        self._kinds: dict[GVK, Resource] | None = None
        self._announced: dict[GVK, bool] = {}
        self.default_namespace = connection.namespace
        self.host: str = connection.settings.host

    # ---- kinds

    def resource(self, gvk: GVK) -> Resource:
        """Where objects of this kind are. Raises `NoMatchError` if the API server does not serve it now."""
        found = self._known().get(gvk)
        if found is None:
            self.forget_kinds()
            found = self._known().get(gvk)
        if found is None:
            raise NoMatchError(gvk.kind, gvk.api_version)
        return found

    def serves(self, gvk: GVK) -> bool:
        """Whether the API server serves this kind now."""
        try:
            self.resource(gvk)
        except NoMatchError:
            return False
        return True

    def namespaced(self, gvk: GVK) -> bool:
        """Whether the kind lives in namespaces; kinds that nobody knows yet are taken to."""
        if gvk in self._announced:
            return self._announced[gvk]
        try:
            return self.resource(gvk).namespaced
        except NoMatchError:
            return True

    def announce(self, crd: Mapping[str, Json]) -> None:
        """Remember what a custom resource definition of the program will define."""
        if not is_crd(crd):
            return
        spec = crd.get("spec") or {}
        for version in spec.get("versions") or []:
            gvk = GVK(str(spec.get("group")), str(version.get("name")), str(pluck(spec, "names", "kind")))
            self._announced[gvk] = spec.get("scope") == "Namespaced"

    def announced(self, gvk: GVK) -> bool:
        """Whether the program itself defines this kind."""
        return gvk in self._announced

    def forget_kinds(self) -> None:
        """Ask the API server again which kinds there are, the next time one is needed."""
        with self._lock:
            self._kinds = None

    def _known(self) -> dict[GVK, Resource]:
        with self._lock:
            if self._kinds is None:
                self._kinds = {gvk: resource for root in ("/api", "/apis") for gvk, resource in self._discover(root)}
            return self._kinds

    def _discover(self, root: str) -> Iterator[tuple[GVK, Resource]]:
        for group in self._answer(_Call("GET", root, {}, accept=_DISCOVERY)).get("items") or []:
            group_name = str(pluck(group, "metadata", "name") or "")
            for version in group.get("versions") or []:
                for entry in version.get("resources") or []:
                    kind = entry.get("responseKind") or {}
                    resource = Resource(
                        group_name, version["version"], entry["resource"], namespaced=entry.get("scope") == "Namespaced"
                    )
                    yield GVK(group_name, version["version"], str(kind.get("kind", ""))), resource

    def path_of(self, obj: Mapping[str, Json], *, one: bool = True) -> str:
        """The URL path of the object, or of the collection that it belongs to."""
        resource = self.resource(GVK.of(obj))
        return resource.path(namespace(obj) or self.default_namespace, name(obj) if one else "")

    # ---- objects

    def get(self, obj: Mapping[str, Json]) -> Object:
        """The live object with this kind, namespace and name."""
        return self.request("GET", self.path_of(obj))

    def find(self, obj: Mapping[str, Json]) -> Object | None:
        """The live object, or None if it is not there."""
        try:
            return self.get(obj)
        except (ApiError, NoMatchError) as error:
            if isinstance(error, ApiError) and error.code != 404:
                raise
            return None

    def create(self, obj: Object, manager: str, *, dry_run: bool = False) -> Object:
        """POST: the object must not exist yet."""
        return self.request("POST", self.path_of(obj, one=False), _query(manager, dry_run), obj)

    def replace(self, obj: Object, manager: str, *, dry_run: bool = False) -> Object:
        """PUT: the object takes the place of the one that exists."""
        return self.request("PUT", self.path_of(obj), _query(manager, dry_run), obj)

    def apply(self, obj: Object, manager: str, *, force: bool, dry_run: bool = False) -> Object:
        """Server-side apply. A field that someone else manages is a conflict (code 409) unless `force`."""
        query = {**_query(manager, dry_run), "force": str(force).lower()}
        return self._answer(_Call("PATCH", self.path_of(obj), query, obj, APPLY))

    def patch(self, obj: Object, patch: Json, content_type: str, manager: str = "", *, dry_run: bool = False) -> Object:
        """Any other patch of the object with this kind, namespace and name."""
        query = _query(manager, dry_run)
        return self._answer(_Call("PATCH", self.path_of(obj), query, patch, content_type))

    def delete(self, obj: Mapping[str, Json], propagation: str) -> None:
        """Ask for the object's end; it may take its time."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        self.request("DELETE", self.path_of(obj), body=body)

    def list(self, resource: Resource, in_namespace: str = "", query: Mapping[str, str] | None = None) -> Object:
        """All objects of a kind: `items` and `metadata.resourceVersion`."""
        return self.request("GET", resource.path(in_namespace), dict(query or {}))

    def logs(self, pod: Mapping[str, Json], container: str, *, previous: bool, lines: int) -> str:
        """The last lines that a container wrote; empty if there are none to be had."""
        query = {"container": container, "tailLines": str(lines), "previous": str(previous).lower()}
        path = PODS.path(namespace(pod), name(pod)) + "/log"
        try:
            response = self._send(_Call("GET", path, query))
        except UnreachableError:
            return ""
        return response.data.decode(errors="replace") if response.status == 200 else ""

    def watch(self, resource: Resource, in_namespace: str, version: str) -> Iterator[tuple[str, Object]]:
        """Changes (`ADDED`, `MODIFIED`, `DELETED`) from a resource version on, until the API server ends the stream."""
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        with closing(self._send(_Call("GET", resource.path(in_namespace), query, stream=True))) as response:
            if response.status != 200:
                raise _error(response.status, response.read())
            for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(int(event["object"].get("code", 500)), line, event["object"])
                yield event["type"], event["object"]

    # ---- requests

    def request(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Json = None) -> Object:
        """One request; the answer's JSON."""
        return self._answer(_Call(method, path, query or {}, body))

    def version(self) -> str:
        """The API server's version, asked once: this is how to find out whether it can be reached."""
        return str(self._answer(_Call("GET", "/version", {}, patient=False)).get("gitVersion", ""))

    def _answer(self, call: _Call) -> Object:
        response = self._send(call)
        if response.status >= 400:
            raise _error(response.status, response.data)
        loaded: Object = json.loads(response.data)
        return loaded

    def _send(self, call: _Call) -> BaseHTTPResponse:
        import urllib3
        from urllib3.exceptions import HTTPError

        headers = {"Accept": call.accept, "User-Agent": "pulumi-kubernetes", "Content-Type": call.content_type}
        self._authorize(headers)
        url = self.host + call.path + ("?" + urllib.parse.urlencode(call.query) if call.query else "")
        try:
            response: BaseHTTPResponse = self._connection.pool.request(
                call.method,
                url,
                body=None if call.body is None else json.dumps(call.body).encode(),
                headers=headers,
                preload_content=not call.stream,
                timeout=urllib3.Timeout(connect=5, read=None if call.stream else self._timeout or 60),
                # A request that never reached the server can be sent again, whatever it asks for.
                retries=urllib3.Retry(
                    connect=5 if call.patient else 0, read=0, redirect=0, status=0, other=0, backoff_factor=0.3
                ),
            )
        except HTTPError as error:
            raise UnreachableError(f"Kubernetes API server at {self.host} does not answer: {error}") from error
        return response

    def _authorize(self, headers: dict[str, str]) -> None:
        # Asked anew for each request: a token may have been renewed.
        known: dict[str, dict[str, str]] = self._connection.settings.auth_settings()  # type: ignore[assignment]
        for auth in known.values():
            if auth["in"] == "header" and auth["value"]:
                headers[auth["key"]] = auth["value"]


def _query(manager: str, dry_run: bool) -> dict[str, str]:
    query = {"fieldManager": manager} if manager else {}
    return {**query, "dryRun": "All"} if dry_run else query


def _lines(response: BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(None):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole


def _error(code: int, data: bytes, parsed: Object | None = None) -> ApiError:
    try:
        status = parsed or json.loads(data)
    except ValueError:
        status = {}
    message = str(status.get("message") or data.decode(errors="replace").strip() or f"HTTP status {code}")
    reason = str(status.get("reason", ""))
    return ApiError(int(status.get("code") or code), reason, message, status.get("details") or {})
