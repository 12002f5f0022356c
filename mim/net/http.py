"""The HTTP listener: one port, several handlers by Host and path prefix, limits and timeouts, no page of its own.

A handler is a coroutine function of a request and its :class:`Target`; it may return any aiohttp response, a
WebSocket's too. Whatever goes wrong outside of a handler is answered with a status and an empty body.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import ssl
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from mim.config.sections import HttpListener as HttpSection
from mim.net.http_connection import Connection, ConnectionLimits, Request
from mim.net.http_routing import HttpHandler, Mount, Routing, Target
from mim.net.tls import server_context
from mim.net.urls import BadUrl

__all__ = ["HttpHandler", "HttpListener", "Mount", "Target", "empty"]

log = logging.getLogger("mim.net.http")

BACKLOG = 1024
TLS_SECONDS = 20.0
GRACE_SECONDS = 5.0
"""What requests in flight may take after the port is closed."""
SERVER_NAME = "mim"
MIN_COMPRESSED_BYTES = 300


def empty(status: int, *, close: bool = False) -> web.Response:
    """Return an answer without a body. *close*: the connection ends with it."""
    response = web.Response(status=status)
    if close:
        response.force_close()
    return response


class _Server(web.Server):
    """aiohttp's low-level server with connections of ours."""

    def __init__(self, listener: HttpListener) -> None:
        super().__init__(listener.handle, request_factory=listener.make_request)
        self._listener = listener

    def __call__(self) -> Connection:
        return Connection(self, self._listener.limits)


class HttpListener:
    """One ``[[listen.http]]``."""

    def __init__(self, section: HttpSection, mounts: Sequence[Mount], *, server_name: str | None = None) -> None:
        self.section = section
        self.mounts = mounts
        self.scheme = "http" if section.tls is None else "https"
        self.address = section.address
        self.limits = ConnectionLimits(max_connections=section.transport.max_connections)
        self._retired: list[Mount] = []
        """Handlers of before a change, which may have connections still."""
        self._server_name = server_name or SERVER_NAME
        self._compresses = section.protocol.compress
        self._on_loopback = ipaddress.ip_address(section.address).is_loopback
        self._routing = Routing(mounts, self.scheme, on_loopback=self._on_loopback)
        self._web: _Server | None = None
        self._socket: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the port.

        Raises:
            OSError: the address cannot be bound, or a file of the TLS options cannot be read.
        """
        self._web = _Server(self)
        context = self._context()
        self._socket = await asyncio.get_running_loop().create_server(
            self._web,
            self.address,
            self.section.port,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=TLS_SECONDS if context is not None else None,
        )

    def _context(self) -> ssl.SSLContext | None:
        tls = self.section.tls
        if tls is None:
            return None
        assert tls.certfile is not None  # a file without it is refused (rule X7)
        context = server_context(
            tls.certfile,
            keyfile=tls.keyfile,
            password=tls.password or None,
            ciphers=tls.ciphers,
            versions=tls.versions,
            dhfile=tls.dhfile,
            cacertfile=tls.cacertfile,
            verify_peer=tls.verify_mode == "peer" and tls.cacertfile is not None,
        )
        context.set_alpn_protocols(["http/1.1"])
        return context

    @property
    def port(self) -> int:
        """Return the port that is open, which the file may have left to the system."""
        assert self._socket is not None
        port: int = self._socket.sockets[0].getsockname()[1]
        return port

    def change(self, section: HttpSection, mounts: Sequence[Mount], *, server_name: str | None = None) -> None:
        """Answer by other handlers and options from the next request on; TLS stays until it is started anew."""
        self.section = section
        self.scheme = "http" if section.tls is None else "https"
        self._retired += [mount for mount in self.mounts if mount.on_stop is not None]
        self.mounts = mounts
        self.limits = replace(self.limits, max_connections=section.transport.max_connections)
        self._server_name = server_name or SERVER_NAME
        self._compresses = section.protocol.compress
        self._routing = Routing(mounts, self.scheme, on_loopback=self._on_loopback)

    @property
    def paths(self) -> list[str]:
        """Return what answers here, for people: ``localhost/api``, or ``/api`` where any Host will do."""
        return [("" if mount.host == "_" else mount.host) + (mount.path or "/") for mount in self.mounts]

    async def stop(self) -> None:
        """Close the port, let requests in flight end within :data:`GRACE_SECONDS`, close all connections."""
        if self._socket is None or self._web is None:
            return
        self._socket.close()
        self._web.pre_shutdown()
        stopping = [mount.on_stop() for mount in (*self._retired, *self.mounts) if mount.on_stop is not None]
        for outcome in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("a handler failed to stop", exc_info=outcome)
        transports = [connection.transport for connection in self._web.connections]
        await self._web.shutdown(GRACE_SECONDS)
        for transport in transports:
            if transport is not None:
                transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._socket.wait_closed()
        self._socket = self._web = None

    # --- requests ---------------------------------------------------------------------------------------------

    def make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> Request:
        """Return a request; aiohttp calls this."""
        return Request(message, payload, protocol, writer, task, server_name=self._server_name)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Find the handler and return its answer; nothing it raises gets out."""
        if request.version > HttpVersion11:
            return empty(505, close=True)
        try:
            found = self._routing.find(request.headers.get("Host", ""), request.raw_path)
        except BadUrl:
            return empty(400)
        if found is None:
            return empty(404)
        mount, target = found
        if not target.authority:
            target = target._replace(authority=_own_authority(request))
        try:
            response = await mount.app(request, target)
            if type(response) is not web.Response and not isinstance(response, web.StreamResponse):
                raise TypeError(f"handler of {mount.path} returned {type(response).__name__}")
        except asyncio.CancelledError:
            raise
        except web.HTTPException as refusal:
            return empty(refusal.status)
        except ConnectionError:
            return empty(400, close=True)
        except Exception:
            log.exception("request failed", extra={"method": request.method, "prefix": target.prefix})
            return web.Response(status=500, text="internal server error")
        if self._compresses:
            _compress(request, response)
        return response


def _own_authority(request: web.BaseRequest) -> str:
    name = None if request.transport is None else request.transport.get_extra_info("sockname")
    if not name:
        return ""
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _compress(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Have a whole answer sent with gzip when it is worth it and the client takes it (RFC 9110 §12.5.3)."""
    if not isinstance(response, web.Response) or response.prepared or "Content-Encoding" in response.headers:
        return
    if not isinstance(response.body, bytes) or len(response.body) < MIN_COMPRESSED_BYTES:
        return
    response.headers.add("Vary", "Accept-Encoding")
    if _takes_gzip(request.headers.get("Accept-Encoding", "")):
        response.enable_compression(web.ContentCoding.gzip)


def _takes_gzip(accept: str) -> bool:
    for item in accept.lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False
