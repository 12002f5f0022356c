"""A server with rooms, and a room with people in it."""

from __future__ import annotations

import pytest

from tests.plugins.muc.rooms import MODULES, instant, joined


@pytest.fixture
async def server(serve):
    return await serve(MODULES, admin=None)


@pytest.fixture
async def owner(server):
    """Owns the open room den, nickname boss."""
    owner = await server.online("owner")
    await joined(owner, "boss")
    await instant(owner)
    return owner


@pytest.fixture
async def guest(server, owner):
    """Is in den as joe."""
    guest = await server.online("guest")
    await joined(guest, "joe")
    await owner.collect()
    return guest
