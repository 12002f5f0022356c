"""Health endpoints, and ``mim health``."""

from __future__ import annotations

import asyncio
import sys

from mim.errors import Unavailable
from tests.harness import config


async def test_live_and_ready(serve):
    server = await serve()
    for path in ("live", "ready"):
        answer = await server.http("GET", f"/health/{path}")
        assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert (await server.http("GET", "/health")).status == 404
    assert (await server.http("POST", "/health/live")).status == 405


async def test_not_ready_says_why(serve, monkeypatch):
    server = await serve()

    async def refuse() -> None:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(server.app.server.database, "flush", refuse)
        answer = await server.http("GET", "/health/ready")
        assert answer.status == 503
        assert answer.json["reasons"] == ["the database does not answer"]
        assert (await server.http("GET", "/health/live")).status == 200
    server.app.is_stopping = True
    assert (await server.http("GET", "/health/ready")).json["reasons"] == ["the server is stopping"]


async def test_command_line_asks_the_running_server(spawn_server, tmp_path, free_port):
    text = config().replace("[[listen.http]]\n  port = 0", f"[[listen.http]]\n  port = {free_port}")

    async def ask() -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mim", "health", "--config", str(tmp_path / "mongooseim.toml"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    server = await spawn_server(text=text)
    assert await ask() == (0, "ready\n")
    await server.terminate()
    status, output = await ask()
    assert status == 1
    assert "refused" in output
