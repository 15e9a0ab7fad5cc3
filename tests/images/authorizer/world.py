"""The authorizer and OPA as processes of this machine, with an API server and issuers of the tests' own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

from groundwork.waiting import wait_until
from local import toolchain
from local.paths import CHECKOUT
from tests.free_ports import free_ports
from tests.images.authorizer.api_server import Objects, kubeconfig, serving
from tests.images.authorizer.samples import HOST, ISSUER, PATH, Object
from tests.local.node.quiet import Quiet
from tests.unix_sockets import listens

POLICY = CHECKOUT / "images" / "opa" / "policy" / "access.rego"
STRETCH = 4.0
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def opa_program() -> Path:
    """The tool chain's OPA."""
    return toolchain.ensure(["opa"], progress=Quiet()).path("opa")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """An issuer's pair of keys."""

    name: str
    algorithm: str
    key: PrivateKey = field(repr=False)

    @classmethod
    def rs256(cls, name: str = "rsa-1") -> Signer:
        return cls(name=name, algorithm="RS256", key=rsa.generate_private_key(65537, 2048))

    @classmethod
    def es256(cls, name: str = "ec-1") -> Signer:
        return cls(name=name, algorithm="ES256", key=ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def eddsa(cls, name: str = "ed-1") -> Signer:
        return cls(name=name, algorithm="EdDSA", key=ed25519.Ed25519PrivateKey.generate())

    @property
    def public(self) -> dict[str, Any]:
        """As a JSON Web Key."""
        made: dict[str, Any] = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key(), as_dict=True)
        return made | {"kid": self.name, "alg": self.algorithm, "use": "sig"}

    def token(self, **change: object) -> str:
        """A good token for half an hour, with claims changed; None takes one away."""
        claims = {"iss": ISSUER, "aud": "agents", "sub": "alice", "exp": int(time.time()) + 1800} | change
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm=self.algorithm, headers={"kid": self.name})


def key_set(*signers: Signer) -> Object:
    """Their public keys as a JSON Web Key Set."""
    return {"keys": [signer.public for signer in signers]}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Envoy would make of the authorizer's answer."""

    status: int
    headers: Mapping[str, str]
    removed: frozenset[str]
    body: Mapping[str, Any]
    metadata: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.metadata["reason"])

    @classmethod
    def of(cls, response: CheckResponse) -> Answer:
        from google.protobuf.json_format import MessageToDict

        denied = response.denied_response
        refused = response.HasField("denied_response")
        assert refused is (response.status.code != 0)
        headers = denied.headers if refused else response.ok_response.headers
        return cls(
            status=denied.status.code if refused else 200,
            headers={each.header.key: each.header.value for each in headers},
            removed=frozenset(response.ok_response.headers_to_remove),
            body=json.loads(denied.body)["error"] if refused else {},
            metadata=MessageToDict(response.dynamic_metadata),
        )


@dataclass(kw_only=True)
class World:
    """Everything that runs."""

    objects: Objects
    folder: Path
    api_port: int
    port: int
    http_port: int
    opa_program: Path
    environment: Mapping[str, str]
    opa: subprocess.Popen[str]
    authorizer: subprocess.Popen[str]
    log: Path
    channel: grpc.Channel
    api: ExitStack

    def ask(self, *, host: str = HOST, sni: str | None = None, path: str = PATH, **headers: str) -> Answer:
        """One question as Envoy asks it. Names of headers with dashes for underscores."""
        request = CheckRequest()
        http = request.attributes.request.http
        http.host, http.path, http.method, http.id = host, path, "POST", "request-1"
        for name, value in headers.items():
            http.headers[name.replace("_", "-")] = value
        request.attributes.tls_session.sni = host if sni is None else sni
        request.attributes.source.address.socket_address.address = "192.0.2.1"
        return Answer.of(AuthorizationStub(self.channel).Check(request, timeout=20))

    def bearer(self, text: str, **more: str) -> Answer:
        """A question with this credential."""
        return self.ask(authorization=f"Bearer {text}", **more)

    def until(self, reason: str, text: str, seconds: float = 5.0) -> float:
        """Ask with a credential until the reason is this; gives how long it took."""
        began = time.monotonic()
        assert wait_until(lambda: self.bearer(text).reason == reason, seconds * STRETCH), self.bearer(text)
        return time.monotonic() - began

    def ready(self) -> bool:
        """What the kubelet is told."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.http_port}/readyz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def metrics(self) -> str:
        """What Prometheus is told; nothing while nobody listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5, trust_env=False).text
        except httpx.ConnectError:
            return ""

    def entries(self, message: str) -> list[Object]:
        """The log's lines that say this."""
        lines = [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def stop_api(self) -> None:
        """The API server dies."""
        self.api.close()

    def start_api(self) -> None:
        """The API server is there again, with what it had."""
        self.api = ExitStack()
        self.api.enter_context(serving(self.objects, self.api_port))

    def stop_opa(self) -> None:
        """OPA dies."""
        self.opa.kill()
        self.opa.wait()

    def start_opa(self) -> None:
        """OPA is there again."""
        self.opa = start_opa(self.opa_program, self.folder)


def start_opa(program: Path, folder: Path) -> subprocess.Popen[str]:
    """OPA as the pod runs it."""
    place = folder / "opa.sock"
    place.unlink(missing_ok=True)
    command = [str(program), "run", "--server", f"--addr=unix://{place}", "--log-level=error", "--skip-version-check"]
    with (folder / "opa.log").open("a") as log:
        process = subprocess.Popen([*command, str(POLICY)], stdout=log, stderr=log, text=True)
    assert wait_until(lambda: listens(place), 60)
    return process


@contextmanager
def world(variables: Mapping[str, str] | None = None) -> Iterator[World]:
    """Start it all, ready to answer; end it all."""
    with ExitStack() as stack:
        # Below /tmp and short: a unix socket's path has a limit.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gw")))
        objects, program = Objects(), opa_program()
        api = ExitStack()
        api_port = api.enter_context(serving(objects))
        (port, http_port), log = free_ports(2), folder / "authorizer.log"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "images" / "authorizer")]),
            "AUTHORIZER_ENVIRONMENT": "local",
            "AUTHORIZER_HOST": "127.0.0.1",
            "AUTHORIZER_PORT": str(port),
            "AUTHORIZER_HTTP_PORT": str(http_port),
            "AUTHORIZER_OPA": str(folder / "opa.sock"),
            "AUTHORIZER_KUBECONFIG": str(kubeconfig(folder, api_port)),
            "AUTHORIZER_FLUSH": "0.5",
            **(variables or {}),
        }
        made = World(
            objects=objects,
            folder=folder,
            api_port=api_port,
            port=port,
            http_port=http_port,
            opa_program=program,
            environment=environment,
            opa=start_opa(program, folder),
            authorizer=start_authorizer(environment, log),
            log=log,
            channel=stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}")),
            api=api,
        )
        stack.callback(made.stop_api)
        stack.callback(lambda: _end(made.opa))
        stack.callback(lambda: _end(made.authorizer))
        assert wait_until(made.ready, 60), log.read_text("utf-8")
        yield made


@contextmanager
def beside(first: World, *, wait: bool = True) -> Iterator[World]:
    """A second authorizer with the same OPA and API server."""
    (port, http_port), log = free_ports(2), first.folder / "second.log"
    ports = {"AUTHORIZER_PORT": str(port), "AUTHORIZER_HTTP_PORT": str(http_port)}
    process = start_authorizer({**first.environment, **ports}, log)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            second = replace(first, port=port, http_port=http_port, log=log, authorizer=process, channel=channel)
            assert not wait or wait_until(second.ready, 60)
            yield second
    finally:
        _end(process)


def start_authorizer(environment: Mapping[str, str], log: Path) -> subprocess.Popen[str]:
    """The service as a process of its own."""
    with log.open("a") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "authorizer"], env=dict(environment), stdout=file, stderr=file, text=True
        )


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
