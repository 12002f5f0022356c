"""The listener for XMPP clients over TCP."""

from __future__ import annotations

import asyncio
import socket

from mim.net.c2s import TLS_SECONDS, C2sConnection, C2sOptions
from mim.net.proxy import ProxiedPort
from mim.net.tls import Certificates
from mim.stream.transport import StreamServices


class C2sListener:
    """One ``[[listen.c2s]]``: accepts clients until stopped.

    ``options`` may be replaced while it is open: what they say of streams, limits and certificates holds for whoever
    connects from then on.
    """

    def __init__(self, options: C2sOptions, services: StreamServices) -> None:
        self.options = options
        self.services = services
        self.connections: set[C2sConnection] = set()
        self._server: asyncio.Server | None = None
        self._proxied: ProxiedPort | None = None
        self._all_gone: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Open the port.

        Raises:
            OSError: the address cannot be bound.
        """
        options = self.options
        backlog = max(1, options.backlog)
        if options.proxy_protocol:
            self._proxied = await ProxiedPort.open(options.address, options.port, backlog, self._welcome)
        else:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: C2sConnection(self),
                options.address,
                options.port,
                backlog=backlog,
                ssl=None if self._direct is None else self._direct.default,
                ssl_handshake_timeout=None if self._direct is None else TLS_SECONDS,
            )

    @property
    def _direct(self) -> Certificates | None:
        return self.options.tls if self.options.settings.tls_mode == "tls" else None

    async def _welcome(self, connection: socket.socket, address: str) -> None:
        """Serve a connection that has said who it is."""
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: C2sConnection(self, address),
            connection,
            ssl=None if self._direct is None else self._direct.default,
            ssl_handshake_timeout=None if self._direct is None else TLS_SECONDS,
        )

    @property
    def port(self) -> int:
        """Return the port that is open, which the options may have left to the system."""
        if self._proxied is not None:
            return self._proxied.port
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop_accepting(self) -> None:
        """Close the port; connections stay."""
        if self._server is not None:
            self._server.close()
        if self._proxied is not None:
            self._proxied.close()

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
