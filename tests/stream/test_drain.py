"""Waiting until what was sent has left the server: whoever deletes what he has delivered must know."""

from __future__ import annotations

import asyncio

import pytest

from mim.xmpp.jid import JID

MESSAGES = 700
TEN_KIB = "x" * 10240


@pytest.fixture
async def stalled(serve):
    """A session whose client has stopped reading, with more queued for it than the system takes; and the client."""
    server = await serve(admin=None)
    romeo = await server.client("romeo")
    session = server.app.server.sessions.find(JID.parse("romeo@localhost/r1"))
    assert await session.drain()
    romeo.stop_reading()
    for number in range(MESSAGES):
        session.send_text(f"<message id='{number}'><body>{TEN_KIB}</body></message>")
    draining = asyncio.ensure_future(session.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    return session, romeo, draining


async def test_drain_waits_for_a_slow_client(stalled):
    _, romeo, draining = stalled

    romeo.go_on_reading()
    for number in range(MESSAGES):
        await romeo.expect("message", id=str(number))
    assert await draining is True


async def test_drain_tells_that_the_connection_was_lost(stalled):
    _, romeo, draining = stalled

    await romeo.drop()
    assert await draining is False


async def test_nothing_drains_after_the_end(stalled):
    session, romeo, _ = stalled

    await romeo.drop()
    assert await session.drain() is False
