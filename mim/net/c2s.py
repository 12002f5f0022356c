"""A connection of an XMPP client over TCP: one write per turn of the loop, bounded both ways."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from mim.clock import Timer
from mim.net.tls import Certificates
from mim.shaper import TokenBucket
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
    tls: Certificates | None = None
    proxy_protocol: bool = False
    max_queued: int | None = None
    """Stanzas that may wait for a client that does not read; more ends the connection."""
    login_seconds: float = LOGIN_SECONDS


class Listener(Protocol):
    """What a connection asks of the port it came from."""

    options: C2sOptions
    services: StreamServices
    connections: set[C2sConnection]

    def forget(self, connection: C2sConnection) -> None:
        """Note that a connection is closed."""
        ...


class C2sConnection(asyncio.Protocol):
    """One client's connection: the transport of its stream."""

    def __init__(self, listener: Listener, proxied_address: str = "") -> None:
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
        self._clock = listener.services.clock
        self._bucket: TokenBucket | None = None
        self._rest: Timer | None = None
        self._stream_waits = False
        self._is_congested = False
        self._held_bytes = 0
        self._compressor: zlib._Compress | None = None
        self._decompressor: zlib._Decompress | None = None
        self._max_chunk = 0
        self.peer_address = proxied_address
        self.is_encrypted = False
        self.stream = C2sStream(self, listener.options.settings, listener.services)

    # --- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected (or, after STARTTLS, its TLS transport is there)."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's
        if self._is_upgrading:
            return
        if not self.peer_address:
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
            self._take(data)

    def _take(self, data: bytes) -> None:
        if self._bucket is not None:
            self._charge(len(data))
        if self._decompressor is not None:
            inflated = self._inflated(data)
            if inflated is None:
                return
            data = inflated
        self.stream.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed."""
        self._listener.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._rest is not None:
            self._rest.cancel()
        self._is_closing = True
        self._output.clear()
        self._wake_drained(False)
        self.stream.connection_lost()

    def pause_writing(self) -> None:
        """The client does not keep up; with a cap on its backlog, what comes now waits and is counted."""
        self._is_congested = self._options.max_queued is not None

    def resume_writing(self) -> None:
        """The client has caught up, or everything is written that :meth:`drain` waits for."""
        if self._transport is None:
            return
        if self._is_congested:
            self._is_congested = False
            self._flush()
        if self._drained and not self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits()
            self._wake_drained(True)

    # --- StreamTransport --------------------------------------------------------------------------------------

    def write_text(self, text: str) -> None:
        """Queue text; everything queued in one turn of the loop is one write."""
        self._output.append(text)
        if self._is_congested:
            self._hold(text)
        elif not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _hold(self, text: str) -> None:
        self._held_bytes += len(text)
        limit = self._options.max_queued
        if self._held_bytes > MAX_UNSENT_BYTES or (limit is not None and len(self._output) > limit):
            self._cut_off("client does not read")

    def _cut_off(self, reason: str) -> None:
        log.warning(reason, extra={"address": self.peer_address})
        self._output.clear()
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._transport is None or self._is_upgrading or not self._output:
            return
        data = "".join(self._output).encode()
        self._output.clear()
        self._held_bytes = 0
        if self._transport.is_closing():
            return
        if self._compressor is not None:
            data = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._cut_off("client does not read")

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
        """Stop or go on reading; with a shaper at rest it goes on later."""
        self._stream_waits = paused
        self._read_or_rest()

    def _read_or_rest(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        paused = self._stream_waits or self._rest is not None
        if paused and self._transport.is_reading():
            self._transport.pause_reading()
        elif not paused and not self._transport.is_reading():
            self._transport.resume_reading()

    def limit_rate(self, bytes_per_second: int | None) -> None:
        """Read no more than this from now on, None = as much as comes (contract/config, section 8)."""
        if bytes_per_second is None:
            self._bucket = None
        elif self._bucket is None or self._bucket.rate != bytes_per_second:
            self._bucket = TokenBucket(bytes_per_second, self._clock.monotonic())

    def _charge(self, count: int) -> None:
        assert self._bucket is not None
        delay = self._bucket.take(count, self._clock.monotonic())
        if delay and self._rest is None:
            self._rest = self._clock.call_later(delay, self._rested)
            self._read_or_rest()

    def _rested(self) -> None:
        self._rest = None
        self._read_or_rest()

    def start_compression(self, max_chunk: int) -> None:
        """Compress both ways from here on (XEP-0138): what is queued still goes as it is.

        *max_chunk*: bytes that what is read at once may become; more ends the connection.
        """
        self._flush()
        self._compressor, self._decompressor = zlib.compressobj(), zlib.decompressobj()
        self._max_chunk = max_chunk

    def _inflated(self, data: bytes) -> bytes | None:
        assert self._decompressor is not None
        try:
            inflated = self._decompressor.decompress(data, self._max_chunk)
        except zlib.error:
            self._cut_off("compressed data are broken")
            return None
        if self._decompressor.unconsumed_tail:
            self._cut_off("compressed data become too much")
            return None
        return inflated

    async def start_tls(self, domain: str) -> None:
        """Do the TLS handshake as the server, with the certificate of *domain*.

        The client's first bytes inside TLS can arrive before the new transport is in hand: they wait, so that
        nothing is ever answered in clear.
        """
        assert self._transport is not None
        assert self._options.tls is not None
        self._flush()
        self._is_upgrading = True
        try:
            upgraded = await self._loop.start_tls(
                self._transport,
                self,
                self._options.tls.context_of(domain),
                server_side=True,
                ssl_handshake_timeout=TLS_SECONDS,
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
            self._take(data)

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Return ``tls-server-end-point``: it needs no more than our own certificate, with any version of TLS."""
        if not self.is_encrypted or self._transport is None or self._options.tls is None:
            return {}
        connection = self._transport.get_extra_info("ssl_object")
        binding = self._options.tls.binding_of(None if connection is None else connection.context)
        return {"tls-server-end-point": binding} if binding else {}

    # --- timers -----------------------------------------------------------------------------------------------

    def _check_login(self) -> None:
        self._timer = None
        if not self.stream.is_bound and self._transport is not None:
            log.info("no login in time", extra={"address": self.peer_address})
            self._is_closing = True
            self._transport.abort()
