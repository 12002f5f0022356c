"""Waiting until what was sent has left the server, over the web."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mim.session.session import Session
from mim.xmpp.jid import JID
from tests.harness import PASSWORD, Server
from tests.web.conftest import bound
from tests.web.test_bosh import connected, serve_bosh  # noqa: F401 - a fixture

Serve = Callable[..., Awaitable[Server]]
MESSAGES = 700
TEN_KIB = "x" * 10240


def session_of(server: Server) -> Session:
    found = server.app.server.sessions.find(JID.parse("romeo@localhost/web"))
    assert found is not None
    return found


async def stalled(server: Server, romeo) -> asyncio.Future[bool]:
    """Send more than the system takes to a client that has stopped reading, and begin to wait for it."""
    transport = romeo.ws._writer.transport
    transport.pause_reading()
    session = session_of(server)
    assert await session.drain()
    for number in range(MESSAGES):
        session.send_text(f"<message id='{number}'><body>{TEN_KIB}</body></message>")
    draining = asyncio.ensure_future(session.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    return draining


async def test_drain_waits_for_a_slow_client_on_a_websocket(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    draining = await stalled(server, romeo)
    romeo.ws._writer.transport.resume_reading()
    for number in range(MESSAGES):
        await romeo.expect("message", id=str(number))
    assert await draining is True
    assert await session_of(server).drain()


async def test_drain_tells_that_a_websocket_was_lost(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    draining = await stalled(server, romeo)
    session = session_of(server)
    romeo.ws._writer.transport.abort()
    assert await draining is False
    assert await session.drain() is False


async def test_drain_over_bosh_waits_for_a_request_to_answer(serve_bosh: Serve):  # noqa: F811
    server = await serve_bosh("inactivity = 5")
    await server.register("romeo")
    romeo = await connected(server)
    await romeo.login("romeo", PASSWORD, "web")
    session = session_of(server)
    romeo.stop_asking()
    session.send_text("<message id='1'/>")
    assert await session.drain()
    await romeo.expect("message", id="1")
    session.send_text("<message id='2'/>")
    draining = asyncio.ensure_future(session.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    await server.clock.elapse(5.001)
    assert await draining is False
