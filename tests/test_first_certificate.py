"""A TLS listener without a certificate: clients can connect at once, and whoever checks the file is told."""

from __future__ import annotations

import asyncio
import sys

from tests.client import Client, untrusting_context
from tests.harness import config

TEXT = config(admin=None, c2s_tls='mode = "starttls_required"').replace("self_signed = true", "")


async def test_a_server_without_a_certificate_makes_one_once(spawn_server, tmp_path):
    for expected in (True, False):
        server = await spawn_server(text=TEXT)
        async with Client(server.ports["c2s"][0]) as client:
            await client.open_stream()
            await client.starttls(untrusting_context())
        _, log = await server.terminate()
        assert ("made a self-signed certificate" in log) is expected
        assert "listen.c2s[0].tls.certfile: not written" in log
    assert (tmp_path / "data" / "self-signed.pem").stat().st_mode & 0o777 == 0o600


async def test_check_calls_it_an_error(tmp_path):
    (tmp_path / "mongooseim.toml").write_text(TEXT)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mim", "check", str(tmp_path / "mongooseim.toml"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 1
    assert b"listen.c2s[0].tls.certfile = (missing)" in output
