"""The PROXY protocol, versions 1 and 2: a header before everything else that says who really connects.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. Nothing is read beyond the header, so that TLS may follow.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger("mim.net")

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_LINE_BYTES = 107
MAX_REST_BYTES = 4096
HEADER_SECONDS = 5.0


class ProxyError(Exception):
    """The connection does not begin with a PROXY header."""


async def read_header(connection: socket.socket) -> str | None:
    """Return the client's address; None when the proxy speaks for itself (LOCAL, UNKNOWN).

    Raises:
        ProxyError: there is no such header.
        OSError, TimeoutError: the connection broke, or nothing came.
    """
    async with asyncio.timeout(HEADER_SECONDS):
        start = await _exactly(connection, len(SIGNATURE))
        if start == SIGNATURE:
            return await _version_2(connection)
        if not start.startswith(b"PROXY "):
            raise ProxyError("no PROXY header")
        line = start
        while not line.endswith(b"\r\n"):
            if len(line) >= MAX_LINE_BYTES:
                raise ProxyError("the line has no end")
            line += await _exactly(connection, 1)
        return parse_line(line)


def parse_line(line: bytes) -> str | None:
    """Return the client's address of a version 1 line, its line end included."""
    try:
        fields = line.decode("ascii").removesuffix("\r\n").split(" ")
    except UnicodeDecodeError:
        raise ProxyError("not ASCII") from None
    if fields[1:2] == ["UNKNOWN"]:
        return None
    try:
        _, family, source, destination, *ports = fields
        addresses = [ipaddress.ip_address(source), ipaddress.ip_address(destination)]
        numbers = [int(port) for port in ports]
    except ValueError:
        raise ProxyError("malformed") from None
    version = {"TCP4": 4, "TCP6": 6}.get(family)
    good_ports = len(numbers) == 2 and all(0 <= number <= 65535 for number in numbers)
    if not good_ports or any(address.version != version for address in addresses):
        raise ProxyError("malformed")
    return str(addresses[0])


async def _version_2(connection: socket.socket) -> str | None:
    head = await _exactly(connection, 4)
    size = int.from_bytes(head[2:], "big")
    if size > MAX_REST_BYTES:
        raise ProxyError("the header is too long")
    return parse_binary(head[0], head[1], await _exactly(connection, size) if size else b"")


def parse_binary(version_command: int, family: int, rest: bytes) -> str | None:
    """Return the client's address of a version 2 header, taken apart behind its signature."""
    version, command = version_command >> 4, version_command & 0xF
    if version != 2 or command not in (0, 1):
        raise ProxyError("malformed")
    sizes = {0x11: 4, 0x21: 16}  # TCP over IPv4, TCP over IPv6
    size = sizes.get(family)
    if command == 0 or size is None:
        return None  # a health check of the proxy itself, or a family we do not listen to
    if len(rest) < 2 * size + 4:
        raise ProxyError("malformed")
    return str(ipaddress.ip_address(rest[:size]))


async def _exactly(connection: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        piece = await loop.sock_recv(connection, count - len(data))
        if not piece:
            raise ProxyError("the connection ended")
        data += piece
    return data


class ProxiedPort:
    """A port whose connections begin with a PROXY header; the others are closed without a word."""

    def __init__(self, opened: socket.socket, welcome: Callable[[socket.socket, str], Awaitable[None]]) -> None:
        self._socket = opened
        self._welcome = welcome
        self.port: int = opened.getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    @classmethod
    async def open(
        cls, address: str, port: int, backlog: int, welcome: Callable[[socket.socket, str], Awaitable[None]]
    ) -> ProxiedPort:
        """Open a port; *welcome* is given each connection behind its header, with the client's address.

        Raises:
            OSError: the address cannot be bound.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((address, port))
            opened.listen(backlog)
            opened.setblocking(False)
        except BaseException:
            opened.close()
            raise
        return cls(opened, welcome)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._socket)
            except OSError as error:
                log.error("cannot accept a connection", extra={"reason": str(error)})
                await asyncio.sleep(1)  # out of file descriptors, most likely
                continue
            task = loop.create_task(self._begin(connection, str(peer[0])))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _begin(self, connection: socket.socket, proxy: str) -> None:
        connection.setblocking(False)
        try:
            client = await read_header(connection)
            await self._welcome(connection, client or proxy)
        except (ProxyError, OSError, TimeoutError) as error:
            log.info("no PROXY header", extra={"address": proxy, "reason": str(error) or type(error).__name__})
            connection.close()
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the port; connections that were welcomed stay."""
        self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        self._socket.close()
