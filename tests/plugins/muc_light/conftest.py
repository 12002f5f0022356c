"""Servers of these tests listen for HTTP only where a test says so: it halves the time to start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.harness import Server


@pytest.fixture
def serve(serve: Callable[..., Awaitable[Server]]) -> Callable[..., Awaitable[Server]]:
    async def start(modules: str = "", **more: Any) -> Server:
        return await serve(modules, **{"admin": None, **more})

    return start
