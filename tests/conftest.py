"""Fixtures of all tests: ``serve`` starts servers in this process, ``spawn_server`` in a process of their own."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvloop

from tests.harness import Server, ServerProcess, config

# A busy machine makes generation slow; that is no failure of a test. Each test says how many examples it wants.
hypothesis.settings.register_profile(
    "mim", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("mim")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    """Run every test on uvloop, as the server does."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Start a server: ``await serve(modules="[modules.mod_ping]")``; the arguments are those of ``config``.

    ``data_dir`` (default: in memory), ``folders`` (of plugins) and ``text`` (a whole file) come on top.
    """
    started: list[Server] = []

    async def start(
        modules: str = "", *, text: str | None = None, data_dir: Path | None = None, folders: Any = (), **more: Any
    ) -> Server:
        server = Server(text if text is not None else config(modules, **more), data_dir, folders)
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
async def spawn_server(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[ServerProcess]]]:
    """Start a server process on the test's folder; starting it again finds the same data."""
    started: list[ServerProcess] = []

    async def start(
        modules: str = "", *arguments: str, text: str | None = None, env: dict[str, str] | None = None, **more: Any
    ) -> ServerProcess:
        process = ServerProcess(text if text is not None else config(modules, **more), tmp_path, *arguments, env=env)
        started.append(process)
        return await process.start()

    yield start
    for process in started:
        await process.stop()


@pytest.fixture
def free_port() -> int:
    """Return a TCP port of loopback that nobody uses just now, for files that must name one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
