"""A closed loop of HTTP requests over kept-alive connections: raw bytes, answers only counted and checked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

Request = bytes


def request(method: str, path: str, body: Any = None, host: str = "localhost") -> Request:
    """Return the bytes of a request."""
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(data)}\r\n"
    if body is not None:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + data


class _Connection(asyncio.Protocol):
    def __init__(
        self, requests: Iterator[Request], done: Callable[[float, int], None], over: Callable[[], None]
    ) -> None:
        self._requests, self._done, self._over = requests, done, over
        self._text = bytearray()
        self._need = 0
        self._status = 0
        self._began = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        following = next(self._requests, None)
        if following is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(following)

    def connection_lost(self, error: Exception | None) -> None:
        self._over()

    def data_received(self, data: bytes) -> None:
        self._text += data
        if not self._need:
            end = self._text.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._text[:end]).lower()
            self._status = int(head[9:12])
            at = head.find(b"content-length:")
            if at >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
                self._need = end + 4 + length
            elif b"transfer-encoding: chunked" in head:
                if not self._text.endswith(b"0\r\n\r\n"):
                    return
                self._need = len(self._text)
            else:
                self._need = end + 4
        if len(self._text) >= self._need:
            self._text.clear()
            self._need = 0
            self._done(time.perf_counter() - self._began, self._status)
            self._next()


async def run(
    port: int, requests: list[Request], connections: int, good: tuple[int, ...] = (200, 201, 204)
) -> list[float]:
    """Send all requests over so many connections and return the seconds each took.

    Raises:
        RuntimeError: an answer was none of *good*.
    """
    latencies: list[float] = []
    bad: dict[int, int] = {}

    def done(seconds: float, status: int) -> None:
        latencies.append(seconds)
        if status not in good:
            bad[status] = bad.get(status, 0) + 1

    loop = asyncio.get_running_loop()
    line = iter(requests)
    left = connections
    finished = loop.create_future()

    def over() -> None:
        nonlocal left
        left -= 1
        if not left and not finished.done():
            finished.set_result(None)

    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(line, done, over), "127.0.0.1", port)
    await finished
    if bad:
        raise RuntimeError(f"unexpected statuses: {bad}")
    if len(latencies) != len(requests):
        raise RuntimeError(f"{len(requests) - len(latencies)} requests were not answered")
    return latencies
