"""A server that archives, and two users."""

from __future__ import annotations

import pytest

from tests.plugins.mam.support import PM


@pytest.fixture
async def server(serve):
    return await serve(PM)


@pytest.fixture
async def romeo(server):
    return await server.online("romeo")


@pytest.fixture
async def juliet(server):
    return await server.online("juliet")
