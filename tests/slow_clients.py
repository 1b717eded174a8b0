"""Slow clients that keep connections to a server on this machine open as long as it lets them."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import time
from collections.abc import Iterable
from multiprocessing.sharedctypes import Synchronized
from types import TracebackType

HOST = "127.0.0.1"
FIELDS = f"Host: {HOST}\r\nContent-Type: application/json\r\n"
POST = f"POST /v1/transfers HTTP/1.1\r\n{FIELDS}"
KINDS: dict[str, tuple[str, str]] = {  # what a client sends at once, and then every second
    "header": (f"GET /livez HTTP/1.1\r\n{FIELDS}X-Slow: ", "a"),
    "length": (f"{POST}Content-Length: 1000000\r\n\r\n", " "),
    "chunked": (f"{POST}Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"),
    "silent": ("", ""),
    "idle": (f"GET /livez HTTP/1.1\r\n{FIELDS}\r\n", ""),
}
PACE_S = 1.0
RECONNECT_S = 0.2
READY_S = 30.0  # wait at most so long until nine in ten clients are connected


class SlowClients:
    """`count` clients of all kinds in their own process. Each reconnects when its connection is closed.

    They end after `seconds` at the latest.
    """

    def __init__(self, port: int, count: int, seconds: float = 300.0, kinds: Iterable[str] = KINDS) -> None:
        context = multiprocessing.get_context("spawn")
        self._count = count
        self._connected: Synchronized[int] = context.Value("i", 0)
        arguments = (port, count, seconds, tuple(kinds), self._connected)
        self._process = context.Process(target=_attack, args=arguments, daemon=True)

    def __enter__(self) -> SlowClients:
        self._process.start()
        end = time.monotonic() + READY_S
        while self.connected < 0.9 * self._count and time.monotonic() < end:
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    @property
    def connected(self) -> int:
        """Return how many of them have a connection now."""
        return self._connected.value


def _attack(port: int, count: int, seconds: float, kinds: tuple[str, ...], connected: Synchronized[int]) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(_all(port, count, kinds, connected), seconds))


async def _all(port: int, count: int, kinds: tuple[str, ...], connected: Synchronized[int]) -> None:
    await asyncio.gather(*(_client(port, *KINDS[kinds[i % len(kinds)]], connected) for i in range(count)))


async def _client(port: int, first: str, more: str, connected: Synchronized[int]) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port)
            connected.value += 1
            try:
                await _dribble(reader, writer, first, more)
            finally:
                connected.value -= 1
                writer.close()
        await asyncio.sleep(RECONNECT_S)


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: str, more: str) -> None:
    """Send until the server closes."""
    writer.write(first.encode())
    while True:
        with contextlib.suppress(TimeoutError):
            if not await asyncio.wait_for(reader.read(4096), PACE_S):
                return
        writer.write(more.encode())
        await writer.drain()
