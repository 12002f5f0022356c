"""HTTP as bytes, for what a client library would not send or would not show."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came; names of headers in lower case, repetitions joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class RawConnection:
    """One connection that sends whatever it is told to."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, method: str = "GET") -> RawAnswer:
        """Read one answer."""
        async with asyncio.timeout(TIMEOUT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            headers: dict[str, str] = {}
            for line in lines:
                name, _, value = line.partition(":")
                key = name.lower()
                headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
            status = int(first.split(" ")[1])
            length = 0 if method == "HEAD" or status in (100, 204) else int(headers.get("content-length", "0"))
            return RawAnswer(status, headers, await self.reader.readexactly(length))

    async def closed(self) -> bytes:
        """Wait for the end of the connection and return what came before it."""
        async with asyncio.timeout(TIMEOUT):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read(-1)
            return b""


async def exchange(port: int, data: bytes, method: str = "GET") -> RawAnswer:
    """Send bytes on a connection of their own and return the first answer, to a request with that *method*."""
    async with RawConnection(port) as connection:
        connection.send(data)
        return await connection.answer(method)
