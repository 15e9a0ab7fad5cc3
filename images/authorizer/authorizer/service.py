"""Everything put together, and the way it starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationServicer, add_AuthorizationServicer_to_server

from authorizer.answer import read, respond
from authorizer.audit import Audit
from authorizer.directory import Directory
from authorizer.jwks import KeySets
from authorizer.metrics import Metrics
from authorizer.policy import Memory, Policy, opa_client
from authorizer.settings import Settings, StartError
from authorizer.usage import Usage
from authorizer.watch import Source, Watcher, connect
from authorizer.web import Web
from components.platform.specs import ApiKey, Domain, Tenant

_log = logging.getLogger("authorizer")
READY_EVERY_SECONDS = 1.0


class Authorization(AuthorizationServicer):  # type: ignore[misc]  # generated code has no types
    """Envoy's service."""

    def __init__(self, policy: Policy, usage: Usage, audit: Audit, metrics: Metrics) -> None:
        self._policy, self._usage, self._audit, self._metrics = policy, usage, audit, metrics

    async def Check(self, request: CheckRequest, context: object) -> CheckResponse:  # noqa: ARG002, N802 – gRPC's names
        """Decide about one request."""
        began = time.perf_counter()
        judged = await self._policy.judge(read(request))
        self._audit.note(judged)
        if judged.decision.allow and judged.key is not None:
            self._usage.count(judged.key)
        self._metrics.decided(judged, time.perf_counter() - began)
        return respond(judged)


class Service:
    """One authorizer: what it knows, what it asks, what it serves."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._settings, self._loop = settings, loop
        self._memory = Memory(seconds=settings.cache)
        self._directory = Directory(self._memory.forget)
        api = connect(settings.kubeconfig)
        self._watchers = (
            Watcher(api=api, source=self._tenants(), post=self._post, resync=settings.resync),
            Watcher(api=api, source=self._domains(), post=self._post, resync=settings.resync),
            Watcher(api=api, source=self._keys(), post=self._post, resync=settings.resync),
        )
        self._usage = Usage(api=api, directory=self._directory, seconds=settings.flush)
        self._metrics = Metrics()
        self._metrics.watch(self._age, self._directory.count)
        self._opa_answers = False
        self._draining = False

    def ready(self) -> bool:
        """Whether everything was listed once and OPA answers. A later silence of the API server changes nothing."""
        return self._opa_answers and not self._draining and self._knows()

    def _knows(self) -> bool:
        return all(watcher.seen is not None for watcher in self._watchers)

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish what is under way and write the last counts."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, stop.set)
        threads = [threading.Thread(target=each.run, daemon=True) for each in self._watchers]
        counting = threading.Thread(target=self._usage.run, daemon=True)
        for thread in (*threads, counting):
            thread.start()
        async with self._policy() as policy:
            watching = asyncio.create_task(self._watch_opa(policy))
            try:
                await self._answer(policy, stop)
            finally:
                watching.cancel()
                for watcher in self._watchers:
                    watcher.stop()
                self._usage.stop()
        await asyncio.to_thread(counting.join, self._settings.drain)
        _log.info("stopped")

    async def _answer(self, policy: Policy, stop: asyncio.Event) -> None:
        settings = self._settings
        try:
            web = Web(settings.host, settings.http_port, self.ready, self._metrics.registry)
        except OSError as error:
            raise StartError(f"port {settings.http_port} cannot be listened on: {error.strerror}") from None
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        add_AuthorizationServicer_to_server(Authorization(policy, self._usage, Audit(), self._metrics), server)
        try:
            port = server.add_insecure_port(f"{settings.host or '[::]'}:{settings.port}")
        except RuntimeError:
            raise StartError(f"port {settings.port} cannot be listened on") from None
        await server.start()
        _log.info("serving", extra={"fields": {"port": port, "http_port": web.port}})
        await stop.wait()
        self._draining = True
        await server.stop(settings.drain)
        web.close()

    @contextlib.asynccontextmanager
    async def _policy(self) -> AsyncIterator[Policy]:
        settings = self._settings
        async with (
            opa_client(settings.opa, settings.opa_timeout) as opa,
            aiohttp.ClientSession() as outside,
        ):
            yield Policy(
                directory=self._directory,
                knows=self._knows,
                memory=self._memory,
                key_sets=KeySets(http=outside, changed=self._memory.forget_all),
                opa=opa,
                environment=settings.environment,
                checks_name=settings.checks_name,
            )

    async def _watch_opa(self, policy: Policy) -> None:
        while True:
            self._opa_answers = await policy.ready()
            await asyncio.sleep(READY_EVERY_SECONDS)

    def _post(self, change: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(change)

    def _tenants(self) -> Source[Tenant]:
        known = self._directory
        return Source(kind=Tenant, replace=known.replace_tenants, put=known.put_tenant, drop=known.drop_tenant)

    def _domains(self) -> Source[Domain]:
        known = self._directory
        return Source(kind=Domain, replace=known.replace_domains, put=known.put_domain, drop=known.drop_domain)

    def _keys(self) -> Source[ApiKey]:
        known = self._directory
        return Source(kind=ApiKey, replace=known.replace_keys, put=known.put_key, drop=known.drop_key)

    def _age(self) -> float:
        heard = [watcher.seen for watcher in self._watchers]
        return max((time.monotonic() - seen if seen is not None else float("inf")) for seen in heard)
