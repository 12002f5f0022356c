"""WebSocket clients that send too much, too often, too little or nonsense."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from mim.xmpp import ns
from mim.xmpp.parser import StreamHeader
from tests.harness import Server
from tests.web.conftest import bound, connected, http, websockets
from tests.web.raw_websocket import OPEN, RawWebSocket, frame
from tests.web.test_websocket import condition

Serve = Callable[..., Awaitable[Server]]
Raw = Callable[..., Awaitable[RawWebSocket]]
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture
async def raw_to() -> AsyncIterator[Callable[..., Awaitable[RawWebSocket]]]:
    """Connect to a server byte by byte."""
    made: list[RawWebSocket] = []

    async def connect(server: Server, early: bytes = b"", **headers: str | None) -> RawWebSocket:
        made.append(RawWebSocket())
        return await made[-1].connect(server.http_port, early, **headers)

    yield connect
    for one in made:
        await one.close()


@pytest.fixture
async def raw(serve_websockets: Serve, raw_to: Raw) -> Raw:
    server = await serve_websockets()
    return functools.partial(raw_to, server)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(BINARY, b"hello"), 1003),
        (frame(TEXT, b"<open/>", masked=False), 1002),
        (frame(3), 1002),
        (frame(TEXT | 0x40, b"<open/>"), 1002),
        (frame(PING, b"a", last=False), 1002),
        (frame(PING, b"a" * 126), 1002),
        (frame(0, b"a"), 1002),
        (frame(TEXT, b"<", last=False) + frame(TEXT, b"a/>"), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"", size=64 * 1024 + 1), 1009),
        (frame(TEXT, b"", size=2**63), 1009),
        (frame(TEXT, b"a" * 40000, last=False) + frame(0, b"a" * 40000), 1009),
        (frame(TEXT, b"", last=False) + frame(0, b"", last=False) * 200, 1008),
        (frame(PING) * 150, 1008),
        (frame(PONG, b"a") * 150, 1008),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (1005).to_bytes(2)), 1002),
        (frame(CLOSE, (999).to_bytes(2)), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ],
    ids=[
        "binary", "unmasked", "opcode", "reserved bit", "ping in fragments", "long ping", "continuation of nothing",
        "message in message", "not UTF-8", "too big", "much too big", "too big in fragments", "endless fragments",
        "ping flood", "pong flood", "short close code", "reserved close code", "unknown close code", "close text",
    ],
)  # fmt: skip
async def test_the_close_code_says_what_was_wrong(raw: Raw, frames: bytes, code: int):
    client = await raw()
    client.send(frames)
    assert await client.close_code() == code


async def test_the_stream_error_comes_before_the_close(raw: Raw):
    client = await raw()
    client.send(frame(TEXT, OPEN))
    opened, features = await client.receive(), await client.receive()
    client.send(frame(TEXT, b"", size=2**20))
    error, closing = await client.receive(), await client.receive()
    assert b"<open" in opened[1]
    assert b"<stream:features" in features[1]
    assert b"policy-violation" in error[1]
    assert closing == (TEXT, f"<close xmlns='{ns.FRAMING}'/>".encode())
    assert await client.close_code() == 1009


async def test_fragments_and_pings_between_them_are_one_message(raw: Raw):
    client = await raw()
    client.send(frame(TEXT, OPEN[:10], last=False), frame(PING, b"there?"), frame(0, OPEN[10:]))
    assert await client.receive() == (PONG, b"there?")
    assert b"<open" in (await client.receive())[1]


async def test_bytes_may_come_one_by_one_and_with_the_request(raw: Raw):
    whole = frame(TEXT, OPEN)
    client = await raw(early=whole[:3])
    for byte in whole[3:]:
        client.send(bytes([byte]))
        await client.writer.drain()
    assert b"<open" in (await client.receive())[1]


async def test_a_close_is_answered_with_its_like(raw: Raw):
    client = await raw()
    client.send(frame(CLOSE, (1000).to_bytes(2)))
    assert await client.receive() == (CLOSE, (1000).to_bytes(2))
    assert await client.reader.read() == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "close"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
        ({"Sec_WebSocket_Key": "***"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Sec_WebSocket_Protocol": "chat, mqtt"}, 400),
        ({"Origin": "not an origin"}, 403),
        ({"Origin": "https://a.example/page"}, 403),
        ({"Origin": "https://user@a.example"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Origin": "https://chat.example"}, 101),
        ({"Origin": "null"}, 101),
        ({"Sec_WebSocket_Protocol": "mqtt,xmpp"}, 101),
    ],
)
async def test_requests_that_open_no_websocket_are_refused(raw: Raw, headers: dict[str, str | None], status: int):
    assert (await raw(**headers)).status == status


async def test_other_methods_are_refused(serve_websockets: Serve):
    server = await serve_websockets()
    answer = await server.http("POST", "/ws-xmpp", b"<body/>")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


async def test_the_limit_of_the_section_holds_after_login(serve_websockets: Serve):
    server = await serve_websockets(options="max_stanza_size = 100000")
    romeo = await bound(server, "romeo")
    romeo.send(f"<message to='romeo@localhost/web'><body>{'a' * 90000}</body></message>")
    await romeo.expect("message")
    romeo.send(f"<message to='romeo@localhost/web'><body>{'a' * 100000}</body></message>")
    assert condition(await romeo.stream_error()) == "policy-violation"
    assert romeo.code == 1009
    assert not list(server.app.server.sessions)


async def test_without_a_limit_of_the_section_large_stanzas_pass(serve_websockets: Serve):
    server = await serve_websockets()
    romeo = await bound(server, "romeo")
    romeo.send(f"<message to='romeo@localhost/web'><body>{'a' * 1_000_000}</body></message>")
    assert len((await romeo.expect("message")).child_text(ns.CLIENT, "body") or "") == 1_000_000


async def test_who_does_not_log_in_is_closed(serve_websockets: Serve):
    server = await serve_websockets(options='timeout = "infinity"')
    client = await connected(server)
    await server.clock.elapse(61)
    assert isinstance(await client.next_event(), StreamHeader)
    assert condition(await client.stream_error()) == "connection-timeout"
    assert client.code == 1008


async def test_silence_closes_the_connection_and_the_session_may_be_resumed(serve_websockets: Serve):
    server = await serve_websockets("[modules.mod_stream_management]\nack_freq = 50", options="timeout = 30000")
    romeo = await bound(server, "romeo")
    romeo.send(f"<enable xmlns='{ns.STREAM_MANAGEMENT}' resume='true'/>")
    await romeo.expect("enabled")
    await server.clock.elapse(20)
    romeo.send_frame(" ")
    await romeo.expect_nothing()
    await server.clock.elapse(20)
    await romeo.expect_nothing()
    await server.clock.elapse(31)
    await romeo.closed()
    assert romeo.code == 1001
    (session,) = server.app.server.sessions
    assert not session.is_attached


async def test_silence_ends_a_session_that_cannot_be_resumed(serve_websockets: Serve):
    server = await serve_websockets(options="timeout = 30000")
    romeo = await bound(server, "romeo")
    await server.clock.elapse(31)
    await romeo.closed()
    assert not list(server.app.server.sessions)


async def test_pings_are_sent_when_the_section_says_so_and_their_answers_count(serve: Serve, raw_to: Raw):
    server = await serve(admin=http(websockets("ping_rate = 15000\ntimeout = 20000")))
    client = await raw_to(server)
    for _ in range(3):
        await server.clock.elapse(15.001)
        assert await client.receive() == (PING, b"")
        client.send(frame(PONG), frame(PING, b"seen"))
        assert await client.receive() == (PONG, b"seen")


async def test_no_pings_are_sent_otherwise(serve: Serve, raw_to: Raw):
    server = await serve(admin=http(websockets('timeout = "infinity"')))
    client = await raw_to(server)
    await server.clock.elapse(59)
    client.send(frame(PING, b"mine"))
    assert await client.receive() == (PONG, b"mine")


async def test_a_client_that_does_not_answer_the_close_is_cut_off(serve: Serve, raw_to: Raw):
    server = await serve(admin=http(websockets()))
    client = await raw_to(server)
    client.send(frame(BINARY, b"a"))
    while (await client.receive())[0] != CLOSE:
        pass
    await server.clock.elapse(5.001)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await client.receive()


async def test_a_changed_section_serves_new_clients_and_a_stop_tells_the_old(serve_websockets: Serve):
    server = await serve_websockets()
    old = await bound(server, "romeo")
    listener = server.app.http[0]
    config = server.app.config
    listener.change(listener.section, server.app.listeners._mounts(listener.section, config))
    new = await bound(server, "juliet")
    old.send("<message to='juliet@localhost/web'><body>hi</body></message>")
    await new.expect("message")
    stopping = asyncio.ensure_future(server.app.stop())
    assert condition(await old.stream_error()) == "system-shutdown"
    assert condition(await new.stream_error()) == "system-shutdown"
    await stopping


async def test_a_lost_connection_ends_the_session(serve_websockets: Serve):
    server = await serve_websockets()
    juliet = await server.online("juliet")
    romeo = await bound(server, "romeo")
    romeo.send("<presence to='juliet@localhost/r1'/>")
    await juliet.expect("presence", from_="romeo@localhost/web")
    transport = romeo.ws.get_extra_info("socket")
    assert transport is not None
    assert isinstance(romeo.ws, aiohttp.ClientWebSocketResponse)
    romeo.ws._response.close()
    await juliet.expect("presence", from_="romeo@localhost/web", type="unavailable")
