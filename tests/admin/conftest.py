"""Servers with the commands of tests/admin/plugins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server

PLUGINS = Path(__file__).parent / "plugins"
OPEN = 'host = "_"\npath = "/api"'
CREDENTIALS = 'host = "_"\npath = "/api"\nusername = "ala"\npassword = "makota"'

Start = Callable[..., Awaitable[Server]]


@pytest.fixture
def start(serve: Start) -> Start:
    """Start a server with the sample modules: ``await start(admin=...)``."""

    async def start(modules: str = "[modules.mod_sample]\n[modules.mod_other]", **more: Any) -> Server:
        return await serve(modules, folders=[PLUGINS], **more)

    return start


def sample(server: Server) -> Any:
    """Return the running sample module."""
    return server.app.modules.find(server.app.host("localhost"), "mod_sample")
