"""A server on 127.0.0.1 with a known answer and a known latency, for the generator to measure."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Delay = Callable[[int], float]
BODY = b'{"output": "yes"}'


class KnownServer:
    """`delay`: seconds before the nth answer; `status`: of the nth answer.

    `took`: what answers really took here, which on a busy machine is more than the delay.
    """

    def __init__(self, delay: Delay, status: Callable[[int], int]) -> None:
        self.delay, self.status = delay, status
        self.asked = 0
        self.took: list[float] = []
        self.keys: list[str] = []
        self.address = ""
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()

    async def serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        async with server:
            await self.stop.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                number, self.asked = self.asked, self.asked + 1
                begun = self.loop.time()
                due = begun + self.delay(number)
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(fields.get("content-length", "0")))
                self.keys.append(fields.get("x-api-key", ""))
                await asyncio.sleep(max(0.0, due - self.loop.time()))
                writer.write(self._body(head, self.status(number)))
                await writer.drain()
                self.took.append(self.loop.time() - begun)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _body(self, head: str, status: int) -> bytes:
        if "/v1/chat/completions" not in head:
            return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(BODY), BODY)
        # A stream whose status says 200 and that ends early where the wanted status is another.
        pieces = [b"data: {}\n\n"] + ([b"data: [DONE]\n\n"] if status == 200 else [])
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@contextmanager
def known_server(delay: Delay = lambda _: 0.0, status: Callable[[int], int] = lambda _: 200) -> Iterator[KnownServer]:
    """Runs in a thread until the block ends."""
    server, ready = KnownServer(delay, status), threading.Event()
    thread = threading.Thread(target=lambda: server.loop.run_until_complete(server.serve(ready)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(server.stop.set)
        thread.join(10)
