"""Whatever bytes come to the port for clients: an answer or a close, no traceback, and the next client is served."""

from __future__ import annotations

import asyncio
import random

from tests.client import Client

SEED = 20261125
PIECES = [
    b"<?xml version='1.0'?>", b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'",
    b" to='localhost' version='1.0'>", b"<iq type='set' id='1'>", b"<query xmlns='jabber:iq:register'>", b"</iq>",
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>", b"</auth>", b"=", b"AGEAYg==", b"<presence/>",
    b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"</stream:stream>", b"\x00", b"\xff\xfe", b"&lt;", b"&x;",
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n",
    b"<a:b/>",
]  # fmt: skip


async def converse(port: int, data: bytes) -> None:
    """Send bytes and the end of input, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(10):
            while await reader.read(65536):
                continue
    except ConnectionError:
        return
    finally:
        writer.close()


async def test_any_bytes_leave_the_server_alive(serve, caplog):
    server = await serve("[modules.mod_register]", admin=None, c2s_tls="")
    source = random.Random(SEED)
    inputs = [
        b"".join(source.choice(PIECES) for _ in range(source.randrange(1, 12))) for _ in range(150)
    ] + [source.randbytes(source.randrange(1, 400)) for _ in range(50)]
    for data in inputs:
        await converse(server.port, data)
    assert not [record for record in caplog.records if record.exc_info]
    async with Client(server.port) as client:
        await client.open_stream()
