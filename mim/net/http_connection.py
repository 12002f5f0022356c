"""One HTTP connection: aiohttp's protocol with limits in size, time and number, and with empty error answers."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote_from_bytes

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import set_exception
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

log = logging.getLogger("mim.net.http")

MAX_LINE_BYTES = 8190
"""The request line's target."""
MAX_FIELD_BYTES = 4096
"""One header field."""
MAX_FIELDS = 100
IDLE_SECONDS = 75.0
"""Between two requests, and before the first."""
HEAD_SECONDS = 15.0
"""From a part of a request's head to the whole."""
BODY_SECONDS = 60.0
"""From the head of a request to the end of its body."""
WRITE_SECONDS = 60.0
"""What a client may take to read enough of an answer for more to be sent."""
LINGER_SECONDS = 5.0
"""How long the rest of an unwanted body is read, so that the client gets to see its answer."""

_ASCII = bytes(range(128))
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/1\.[01]\r\n")
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class BodyTooLarge(Exception):
    """A body is longer than its reader allows."""


class BodyBroken(Exception):
    """A body that ends early, comes too slowly, or whose framing is broken."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one listener allows its clients."""

    max_connections: int | Literal["infinity"] = 1024
    head_seconds: float = HEAD_SECONDS
    idle_seconds: float = IDLE_SECONDS
    write_seconds: float = WRITE_SECONDS


class Request(web.BaseRequest):
    """A request whose answer names the server as the file says."""

    ATTRS = web.BaseRequest.ATTRS | {"server_name"}

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
        *,
        server_name: str,
    ) -> None:
        super().__init__(message, payload, protocol, writer, task, asyncio.get_running_loop())
        self.server_name = server_name

    async def _prepare_hook(self, resp: web.StreamResponse) -> None:
        resp.headers["Server"] = self.server_name


class Connection(RequestHandler):
    """A client's connection."""

    __slots__ = ("_is_unknown_verb", "_limits", "_slow_timer", "_write_timer")

    def __init__(self, manager: web.Server, limits: ConnectionLimits) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # it costs as much as the request itself
            logger=log,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            auto_decompress=False,
        )
        self._limits = limits
        self._slow_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_unknown_verb = False

    # --- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; one too many is turned away."""
        limit = self._limits.max_connections
        manager = self._manager
        assert manager is not None
        if limit != "infinity" and len(manager._connections) >= limit:
            plain = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's
            log.warning("too many connections", extra={"limit": limit})
            self._force_close = True
            plain.write(_TOO_MANY)
            plain.close()
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came. When they leave a request's head unfinished, the rest has to follow soon."""
        if self._slow_timer is None and not data.isascii() and self._is_between_requests():
            data = _escaped_request_line(data)
        super().data_received(data)
        if self._slow_timer is None and self._is_between_requests():
            self._slow_timer = self._loop.call_later(self._limits.head_seconds, self._check_head, self._waiter)
        elif self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._refuse(data)

    def _is_between_requests(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _check_head(self, waiter: asyncio.Future[None] | None) -> None:
        self._slow_timer = None
        if waiter is not None and self._waiter is waiter and not waiter.done():
            log.debug("request head did not come in time")
            self.force_close()

    def _refuse(self, data: bytes) -> None:
        """Note what to answer to bytes that are no HTTP; a request whose body they should have been is told."""
        self._is_unknown_verb = _REQUEST_LINE.match(data) is not None
        request = self._current_request
        if request is not None and not request.content.is_eof():
            set_exception(request.content, RequestPayloadError("broken framing"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        for timer in (self._slow_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._slow_timer = self._write_timer = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered; it has to go on soon."""
        super().pause_writing()
        self._write_timer = self._loop.call_later(self._limits.write_seconds, self._abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _abort(self) -> None:
        self._write_timer = None
        if self.transport is not None:
            log.debug("client does not read its answer")
            self.transport.abort()

    # --- RequestHandler ---------------------------------------------------------------------------------------

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the empty answer to a request that is no HTTP; what is wrong with it is for the log only."""
        log.debug("bad request", extra={"address": request.remote, "reason": type(exc).__name__})
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        if isinstance(exc, BadHttpMethod) and self._is_unknown_verb:
            status = 501
        response = web.Response(status=status)
        response.force_close()
        return response


def _escaped_request_line(data: bytes) -> bytes:
    """Percent-encode what is not ASCII in the request line: 5.1 takes UTF-8 there as it is, and curl sends it."""
    line, end, rest = data.partition(b"\r\n")
    return data if line.isascii() else quote_from_bytes(line, _ASCII).encode() + end + rest


async def read_body(request: web.BaseRequest, max_bytes: int) -> bytes:
    """Return a request's body.

    Raises:
        BodyTooLarge: it has, or announces, more than *max_bytes*; the rest is not kept.
        BodyBroken: it ends early, is framed wrongly, or did not come within :data:`BODY_SECONDS`.
    """
    content = request.content
    if content.is_eof() and content.total_bytes <= max_bytes:
        return content.read_nowait()
    announced = request.content_length
    if announced is not None and announced > max_bytes:
        raise BodyTooLarge
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while part := await content.readany():
                size += len(part)
                if size > max_bytes:
                    raise BodyTooLarge
                parts.append(part)
    except (TimeoutError, ConnectionError, RequestPayloadError) as error:
        raise BodyBroken from error
    return b"".join(parts)
