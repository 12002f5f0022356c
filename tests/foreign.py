"""slixmpp as the other side: a client that is not ours, for tests of what it expects of us.

    async with slixmpp_client(server, "romeo", plugins=["xep_0049"]) as romeo:
        await romeo.plugin["xep_0049"].retrieve("bookmarks")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import slixmpp

from mim.xmpp.jid import JID
from tests.harness import PASSWORD, Server

SECONDS = 10.0


def happened(client: slixmpp.ClientXMPP, event: str) -> asyncio.Future[Any]:
    """Return a future of the next event of that name."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def resolve(data: Any) -> None:
        if not future.done():
            future.set_result(data)

    client.add_event_handler(event, resolve, disposable=True)
    return future


def unconnected(
    server: Server, user: str, *, plugins: Iterable[str] = (), resource: str = "slixmpp"
) -> slixmpp.ClientXMPP:
    """Return a client that has only to call :func:`connect`."""
    client = slixmpp.ClientXMPP(f"{user}@localhost/{resource}", PASSWORD)
    client.enable_direct_tls = False
    client.enable_starttls = False
    client.enable_plaintext = True
    client.plugin["feature_mechanisms"].unencrypted_scram = True
    for plugin in plugins:
        client.register_plugin(plugin)
    return client


async def connect(client: slixmpp.ClientXMPP, server: Server) -> None:
    """Connect and return when the session has started."""
    started = happened(client, "session_start")
    client.connect("127.0.0.1", server.port)
    async with asyncio.timeout(SECONDS):
        await started


@asynccontextmanager
async def slixmpp_client(
    server: Server, user: str, *, plugins: Iterable[str] = (), resource: str = "slixmpp"
) -> AsyncIterator[slixmpp.ClientXMPP]:
    """Yield a client that is logged in and has sent presence; the account is made if it does not exist."""
    if not await server.app.server.accounts.exists(JID.of(user, "localhost")):
        await server.register(user)
    client = unconnected(server, user, plugins=plugins, resource=resource)
    try:
        await connect(client, server)
        client.send_presence()
        yield client
    finally:
        await client.disconnect()
