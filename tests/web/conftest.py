"""Servers with XMPP over the web, and clients of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mim.xmpp.jid import JID
from tests.harness import PASSWORD, Server
from tests.web_clients import WebSocketClient


def http(handlers: str, tls: str = "") -> str:
    """Return an HTTP listener with *handlers* below the admin API's, for the argument ``admin`` of ``config``."""
    return f'host = "_"\npath = "/api"\n{handlers}\n{tls}'


def websockets(options: str = "") -> str:
    return f'[[listen.http.handlers.mod_websockets]]\nhost = "_"\npath = "/ws-xmpp"\n{options}'


@pytest.fixture
def serve_websockets(serve: Callable[..., Awaitable[Server]]) -> Callable[..., Awaitable[Server]]:
    """Start a server whose HTTP port speaks XMPP over WebSocket; *options* are the handler's."""

    async def start(modules: str = "", *, options: str = "", tls: str = "", **more: object) -> Server:
        return await serve(modules, admin=http(websockets(options), tls), **more)

    return start


async def connected(server: Server, **options: object) -> WebSocketClient:
    """Return a client that has opened a WebSocket and nothing else."""
    client = WebSocketClient(server.http_port)
    await client.connect(**options)  # type: ignore[arg-type]
    server.keep(client)
    return client


async def bound(server: Server, user: str, resource: str = "web", **options: object) -> WebSocketClient:
    """Return a client that is logged in over WebSocket and bound; the account is made if there is none."""
    if not await server.app.server.accounts.exists(JID.of(user, "localhost")):
        await server.register(user)
    client = await connected(server, **options)
    await client.login(user, PASSWORD, resource)
    return client
