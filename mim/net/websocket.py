"""XMPP over WebSocket (RFC 7395): the handler ``mod_websockets`` and its connections, each the transport of a stream.

The HTTP library reads the request; from the answer 101 on the bytes are ours, so that limits change with the login
and a message costs no task switch.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpVersion11

from mim.admin.origins import Origins
from mim.clock import Timer
from mim.net.c2s import CLOSE_SECONDS, LOGIN_SECONDS, MAX_UNSENT_BYTES
from mim.net.http_routing import Target
from mim.net.websocket_frames import (
    CloseCode,
    Frame,
    FrameError,
    FrameReader,
    Opcode,
    close_code_of,
    close_frame,
    frame,
)
from mim.stream.c2s import C2sStream
from mim.stream.framing import WebSocketFraming, with_own_namespace
from mim.stream.transport import StreamServices, StreamSettings
from mim.xmpp import ns
from mim.xmpp.conditions import StreamError
from mim.xmpp.element import Element
from mim.xmpp.parser import Event, StreamEnd, StreamHeader, parse_fragment

log = logging.getLogger("mim.net")

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#@\s]+", re.IGNORECASE)
_CONDITIONS = {CloseCode.TOO_BIG: "policy-violation", CloseCode.POLICY_VIOLATION: "policy-violation"}


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """What one ``[[listen.http.handlers.mod_websockets]]`` says. Times in seconds, None = no limit, no pings."""

    host: str
    settings: StreamSettings
    idle_seconds: float | None = 60.0
    ping_seconds: float | None = None
    end_point_binding: bytes = b""
    """``tls-server-end-point`` of the listener's certificate (RFC 5929 §4)."""


class WebSockets:
    """The handler of one section, and its connections."""

    def __init__(self, options: WebSocketOptions, services: StreamServices) -> None:
        self.options = options
        self.services = services
        self.connections: set[WebSocketConnection] = set()
        self._origins = Origins(options.host, ())

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer a request at the handler's own path."""
        if target.path.decoded:
            return web.Response(status=404)
        refusal = self._refusal(request, target)
        if refusal is not None:
            return refusal
        response = web.StreamResponse(status=101, headers=_handshake(request.headers["Sec-WebSocket-Key"]))
        response.force_close()
        await response.prepare(request)
        connection = WebSocketConnection(self, request)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
        return response

    def _refusal(self, request: web.BaseRequest, target: Target) -> web.Response | None:
        """Return the answer to a request that opens no WebSocket for XMPP here (RFC 6455 §4.2.1, RFC 7395 §3.1)."""
        headers = request.headers
        if request.method != "GET":
            return web.Response(status=405, headers={"Allow": "GET"})
        upgrades = {word.strip().lower() for word in headers.get("Upgrade", "").split(",")}
        connection = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
        if "websocket" not in upgrades or "upgrade" not in connection or request.version < HttpVersion11:
            return web.Response(status=426, headers={"Upgrade": "websocket", "Connection": "Upgrade"})
        if headers.get("Sec-WebSocket-Version") != "13":
            return web.Response(status=426, headers={"Sec-WebSocket-Version": "13"})
        protocols = [word.strip() for word in ",".join(headers.getall("Sec-WebSocket-Protocol", [])).split(",")]
        if not _is_key(headers.get("Sec-WebSocket-Key", "")) or "xmpp" not in protocols:
            return web.Response(status=400)
        # Any page may connect, for a login proves who is there, not a cookie; but not by a name made to point here.
        origin = headers.get("Origin")
        if origin is not None and not _ORIGIN.fullmatch(origin):
            return web.Response(status=403)
        return web.Response(status=403) if self._origins.is_rebound(headers, target) else None

    async def stop(self) -> None:
        """Tell every client that the server stops, and wait until their connections are closed."""
        connections = list(self.connections)
        for connection in connections:
            connection.shut_down()
        await asyncio.gather(*(connection.closed for connection in connections))


class WebSocketConnection:
    """One client's connection: the transport of its stream, and aiohttp's reader of the bytes."""

    def __init__(self, sockets: WebSockets, request: web.BaseRequest) -> None:
        assert request.transport is not None
        self._options = sockets.options
        self._clock = sockets.services.clock
        self._loop = asyncio.get_running_loop()
        self._transport = request.transport
        self._protocol = request.protocol
        self._output: list[str] = []
        self._is_flush_due = False
        self._is_closing = False
        self._close_code = CloseCode.NORMAL
        self._close_reason = ""
        self._timers: dict[str, Timer] = {}
        self._last_frame_at = self._clock.monotonic()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.is_encrypted = request.transport.get_extra_info("ssl_object") is not None
        self.peer_address = request.remote or ""
        self.stream = C2sStream(self, sockets.options.settings, sockets.services, WebSocketFraming())
        self._reader = FrameReader(self.stream.limits.stanza_bytes)

    async def run(self) -> None:
        """Serve the client until the connection is closed."""
        self._protocol.keep_alive(False)
        self._later("login", LOGIN_SECONDS, self._check_login)
        if self._options.idle_seconds is not None:
            self._later("idle", self._options.idle_seconds, self._check_idle)
        if self._options.ping_seconds is not None:
            self._later("ping", self._options.ping_seconds, self._ping)
        self._protocol.set_parser(self)  # type: ignore[arg-type]  # it asks for no more than the two methods below
        await asyncio.shield(self.closed)

    def shut_down(self) -> None:
        """The server stops."""
        self._close_code = CloseCode.GOING_AWAY
        self.stream.shut_down()

    # --- what the HTTP library calls --------------------------------------------------------------------------

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes; the answer says that more may come."""
        if self.closed.done():
            return False, b""
        now = self._clock.monotonic()
        try:
            for received in self._reader.read(bytes(data), now):
                self._last_frame_at = now
                self._take(received)
                self._reader.max_message = self.stream.limits.stanza_bytes
        except FrameError as error:
            self._broken(error)
        return False, b""

    def feed_eof(self) -> None:
        """The connection is closed."""
        self._lost()

    def _take(self, received: Frame) -> None:
        if received.opcode is Opcode.TEXT:
            if not self._is_closing:
                self.stream.take(_events(received.payload, self.stream))
        elif received.opcode is Opcode.PING:
            if not self._is_closing:
                self._transport.write(frame(Opcode.PONG, received.payload))
        elif received.opcode is Opcode.CLOSE:
            close_code_of(received.payload)
            if not self._is_closing:
                self._transport.write(close_frame(CloseCode.NORMAL))
                self._is_closing = True
            self._lost()

    def _broken(self, error: FrameError) -> None:
        """End the stream, and close the connection with the code of what is wrong."""
        log.info("bad frame", extra={"address": self.peer_address, "reason": error.reason})
        if self._is_closing:
            self._transport.abort()
            return
        self._close_code, self._close_reason = error.code, error.reason
        text = "child element too big" if error.code is CloseCode.TOO_BIG else error.reason
        self.stream.fail(StreamError(_CONDITIONS.get(error.code, "bad-format"), text))

    def _lost(self) -> None:
        if self.closed.done():
            return
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._is_closing = True
        self._output.clear()
        self.stream.connection_lost()
        self.closed.set_result(None)
        self._transport.close()

    # --- StreamTransport --------------------------------------------------------------------------------------

    def write_text(self, text: str) -> None:
        """Queue one stanza or another part of the stream, a message of its own; written once per turn of the loop."""
        self._output.append(text)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        if not self._output:
            return
        data = b"".join(frame(Opcode.TEXT, with_own_namespace(text).encode()) for text in self._output)
        self._output.clear()
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("client does not read", extra={"address": self.peer_address})
            self._transport.abort()

    async def drain(self) -> bool:
        """Return when everything queued is written; False when the connection was lost before."""
        self._flush()
        if self._is_closing or self._transport.is_closing():
            return False
        self._transport.set_write_buffer_limits(high=0)  # so that writing is paused until the buffer is empty
        try:
            await self._protocol._drain_helper()
        except ConnectionError:
            return False
        if self._is_closing or self._transport.is_closing():
            return False
        self._transport.set_write_buffer_limits()
        return True

    def close(self) -> None:
        """Write what is queued and close; a client that does not answer is cut off soon (RFC 6455 §7.1.1)."""
        if self._is_closing:
            return
        self._is_closing = True
        self._flush()
        self._transport.write(close_frame(self._close_code, self._close_reason))
        self.pause(False)
        self._later("close", CLOSE_SECONDS, self._transport.abort)

    def pause(self, paused: bool) -> None:
        """Stop or go on reading."""
        if paused == self._protocol._reading_paused:
            return
        if paused:
            self._protocol.pause_reading()
        else:
            self._protocol.resume_reading()

    def limit_rate(self, bytes_per_second: int | None) -> None:
        """There is no shaper here: the section has no such option."""

    def start_compression(self, max_chunk: int) -> None:
        """Never asked for: it is not offered here (XEP-0138 is for TCP)."""
        raise NotImplementedError

    async def start_tls(self, domain: str) -> None:
        """Never asked for: TLS is the listener's (RFC 7395 §3.9)."""
        raise NotImplementedError

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Return ``tls-server-end-point``."""
        binding = self._options.end_point_binding
        return {"tls-server-end-point": binding} if self.is_encrypted and binding else {}

    # --- timers -----------------------------------------------------------------------------------------------

    def _later(self, name: str, seconds: float, callback: object) -> None:
        self._timers[name] = self._clock.call_later(seconds, callback)  # type: ignore[arg-type]

    def _check_login(self) -> None:
        if not self.stream.is_bound:
            log.info("no login in time", extra={"address": self.peer_address})
            self._close_code = CloseCode.POLICY_VIOLATION
            self.stream.fail(StreamError("connection-timeout"))

    def _check_idle(self) -> None:
        """Close when nothing came; the session may wait for its client (XEP-0198), who may not know yet."""
        assert self._options.idle_seconds is not None
        left = self._last_frame_at + self._options.idle_seconds - self._clock.monotonic()
        if left > 0:
            self._later("idle", left, self._check_idle)
        elif not self._is_closing:
            log.info("nothing came in time", extra={"address": self.peer_address})
            self._flush()
            self._transport.write(close_frame(CloseCode.GOING_AWAY, "nothing came in time"))
            self._lost()

    def _ping(self) -> None:
        assert self._options.ping_seconds is not None
        if not self._is_closing:
            self._transport.write(frame(Opcode.PING))
            self._later("ping", self._options.ping_seconds, self._ping)


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _handshake(key: str) -> dict[str, str]:
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept,
        "Sec-WebSocket-Protocol": "xmpp",
    }


def _events(message: bytes, stream: C2sStream) -> Iterator[Event]:
    """Yield what one message says: ``<open/>``, ``<close/>``, or a stanza (RFC 7395 §3.3)."""
    if not message.strip(b" \t\r\n"):
        return  # blanks to keep the connection alive, which some clients have taken over from TCP
    found = parse_fragment(message, stream.limits)
    if len(found) != 1 and not any(isinstance(event, StreamError) for event in found):
        yield StreamError("bad-format", "one element in each message")
        return
    for event in found:
        if not isinstance(event, Element) or event.ns != ns.FRAMING:
            yield event
        elif event.name == "open":
            yield StreamHeader(ns.STREAMS, "stream", event.attrs, ns.CLIENT)
        elif event.name == "close":
            yield StreamEnd()
        else:
            yield StreamError("bad-format", "neither open nor close")
