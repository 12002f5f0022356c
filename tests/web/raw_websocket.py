"""A client that sends WebSocket frames byte by byte, right or wrong."""

from __future__ import annotations

import asyncio
import base64
from typing import Self

from mim.xmpp import ns

MASK = b"\x01\x02\x03\x04"
OPEN = f"<open xmlns='{ns.FRAMING}' to='localhost' version='1.0'/>".encode()
HEADERS = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "xmpp",
}


def frame(
    opcode: int, payload: bytes = b"", *, last: bool = True, masked: bool = True, size: int | None = None
) -> bytes:
    """Return a frame; *size* is what it claims to have, None = the truth."""
    size = len(payload) if size is None else size
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if last else 0) | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2)
    else:
        head += bytes([bit | 127]) + size.to_bytes(8)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


class RawWebSocket:
    """One connection."""

    async def connect(self, port: int, early: bytes = b"", **headers: str | None) -> Self:
        """Send the request with some headers changed (None = left out, ``_`` stands for ``-``); keep the status."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        sent = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}\r\n" for name, value in sent.items() if value is not None]
        self.writer.write(b"GET /ws-xmpp HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n" + early)
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])
        self.head = head.decode()
        return self

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def receive(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        async with asyncio.timeout(10):
            first, second = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80
            assert not second & 0x80, "a server's frames are not masked"
            size = second
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Read until the close frame, answer it, see the connection closed; return its code."""
        while True:
            opcode, payload = await self.receive()
            if opcode == 8:
                break
        self.send(frame(8, payload[:2]))
        async with asyncio.timeout(10):
            assert await self.reader.read() == b""
        return int.from_bytes(payload[:2])

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)
