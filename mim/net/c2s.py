"""The listener for XMPP clients over TCP: one write per connection and turn of the loop, bounded both ways."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from mim.stream.c2s import C2sStream
from mim.stream.transport import StreamServices, StreamSettings

log = logging.getLogger("mim.net")

LOGIN_SECONDS = 60.0
"""What a client may take from connecting to its session."""
TLS_SECONDS = 20.0
MAX_UNSENT_BYTES = 8 * 1024 * 1024
"""What may wait for a client that does not read; more ends the connection."""
CLOSE_SECONDS = 5.0
"""What a client may take to read the last words."""


@dataclass(frozen=True, slots=True)
class C2sOptions:
    """What a listener is told: where to listen, its streams' settings, its certificate."""

    address: str
    port: int
    backlog: int
    settings: StreamSettings
    tls: ssl.SSLContext | None = None
    end_point_binding: bytes = b""
    login_seconds: float = LOGIN_SECONDS


class C2sConnection(asyncio.Protocol):
    """One client's connection: the transport of its stream."""

    def __init__(self, listener: C2sListener) -> None:
        self._listener = listener
        self._options = listener.options
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._output: list[str] = []
        self._is_flush_due = False
        self._is_closing = False
        self._is_upgrading = False
        self._upgrade_input: list[bytes] = []
        self._drained: list[asyncio.Future[bool]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.peer_address = ""
        self.is_encrypted = False
        self.stream = C2sStream(self, listener.options.settings, listener.services)

    # --- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected (or, after STARTTLS, its TLS transport is there)."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's
        if self._is_upgrading:
            return
        peer = self._transport.get_extra_info("peername")
        self.peer_address = peer[0] if peer else ""
        self.is_encrypted = self._options.settings.tls_mode == "tls"
        self._listener.connections.add(self)
        self._timer = self._loop.call_later(self._options.login_seconds, self._check_login)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those that come while TLS is being set up wait until it is."""
        if self._is_upgrading:
            self._upgrade_input.append(data)
        else:
            self.stream.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed."""
        self._listener.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        self._is_closing = True
        self._output.clear()
        self._wake_drained(False)
        self.stream.connection_lost()

    def resume_writing(self) -> None:
        """Everything is written that :meth:`drain` waits for."""
        if self._transport is not None and self._drained:
            self._transport.set_write_buffer_limits()
            self._wake_drained(True)

    # --- StreamTransport --------------------------------------------------------------------------------------

    def write_text(self, text: str) -> None:
        """Queue text; everything queued in one turn of the loop is one write."""
        self._output.append(text)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._transport is None or self._is_upgrading or not self._output:
            return
        data = "".join(self._output).encode()
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
        transport = self._transport
        if transport is None or self._is_closing or transport.is_closing():
            return False
        if not transport.get_write_buffer_size():
            return True
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._drained.append(waiter)
        transport.set_write_buffer_limits(high=0)  # so that resume_writing is called when the buffer is empty
        return await waiter

    def _wake_drained(self, is_written: bool) -> None:
        waiters, self._drained = self._drained, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(is_written)

    def close(self) -> None:
        """Write what is queued and close; a client that does not read is cut off soon."""
        if self._is_closing:
            return
        self._is_closing = True
        self._flush()
        if self._transport is not None:
            self._transport.close()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def pause(self, paused: bool) -> None:
        """Stop or go on reading."""
        if self._transport is None or self._transport.is_closing():
            return
        if paused and self._transport.is_reading():
            self._transport.pause_reading()
        elif not paused and not self._transport.is_reading():
            self._transport.resume_reading()

    async def start_tls(self) -> None:
        """Do the TLS handshake as the server.

        The client's first bytes inside TLS can arrive before the new transport is in hand: they wait, so that
        nothing is ever answered in clear.
        """
        assert self._transport is not None
        assert self._options.tls is not None
        self._flush()
        self._is_upgrading = True
        try:
            upgraded = await self._loop.start_tls(
                self._transport, self, self._options.tls, server_side=True, ssl_handshake_timeout=TLS_SECONDS
            )
        finally:
            self._is_upgrading = False
        if upgraded is None:
            raise ConnectionAbortedError("the client left during the handshake")
        self._transport = upgraded
        self.is_encrypted = True
        if self._upgrade_input:
            self._loop.call_soon(self._replay)

    def _replay(self) -> None:
        data, self._upgrade_input = b"".join(self._upgrade_input), []
        if data:
            self.stream.feed(data)

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Return ``tls-server-end-point``: it needs no more than our own certificate, with any version of TLS."""
        if self.is_encrypted and self._options.end_point_binding:
            return {"tls-server-end-point": self._options.end_point_binding}
        return {}

    # --- timers -----------------------------------------------------------------------------------------------

    def _check_login(self) -> None:
        self._timer = None
        if not self.stream.is_bound and self._transport is not None:
            log.info("no login in time", extra={"address": self.peer_address})
            self._is_closing = True
            self._transport.abort()


class C2sListener:
    """One ``[[listen.c2s]]``: accepts clients until stopped."""

    def __init__(self, options: C2sOptions, services: StreamServices) -> None:
        self.options = options
        self.services = services
        self.connections: set[C2sConnection] = set()
        self._server: asyncio.Server | None = None
        self._all_gone: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Open the port.

        Raises:
            OSError: the address cannot be bound.
        """
        options = self.options
        direct = options.tls if options.settings.tls_mode == "tls" else None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: C2sConnection(self),
            options.address,
            options.port,
            backlog=max(1, options.backlog),
            ssl=direct,
            ssl_handshake_timeout=TLS_SECONDS if direct is not None else None,
        )

    @property
    def port(self) -> int:
        """Return the port that is open, which the options may have left to the system."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop_accepting(self) -> None:
        """Close the port; connections stay."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Tell every client that the server stops, and wait until their connections are closed."""
        self.stop_accepting()
        if not self.connections:
            return
        self._all_gone = asyncio.get_running_loop().create_future()
        for connection in list(self.connections):
            connection.stream.shut_down()
        await self._all_gone

    def forget(self, connection: C2sConnection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        if not self.connections and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)
