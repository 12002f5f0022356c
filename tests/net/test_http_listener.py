"""The HTTP listener without any handler of the server's: routing, limits, timeouts, shutdown."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mim.config.sections import HttpListener as Section
from mim.net.http import HttpListener, Mount, Target, _takes_gzip
from mim.net.http_connection import BodyBroken, BodyTooLarge, read_body
from mim.net.tls import self_signed
from tests.client import untrusting_context
from tests.raw_http import RawConnection, exchange

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
GET = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"

Listen = Callable[..., Awaitable[HttpListener]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start a listener: ``await listen(Mount(...))``; *limits* replace those of its connections."""
    started: list[HttpListener] = []

    async def start(
        *mounts: Mount, limits: dict[str, Any] | None = None, server_name: str | None = None, **section: Any
    ) -> HttpListener:
        options = Section(**{"port": 0, "ip_address": "127.0.0.1", **section})
        listener = HttpListener(options, mounts, server_name=server_name)
        listener.limits = replace(listener.limits, **(limits or {}))
        await listener.start()
        started.append(listener)
        return listener

    yield start
    for listener in started:
        await listener.stop()


def says(text: str) -> Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]:
    async def handler(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        return web.Response(text=f"{text}:{'/'.join(target.path.decoded)}")

    return handler


async def echo(request: web.BaseRequest, target: Target) -> web.StreamResponse:
    try:
        return web.Response(body=await read_body(request, 1000))
    except BodyTooLarge:
        return web.Response(status=413)
    except BodyBroken:
        return web.Response(status=400, text="broken")


# --- routing --------------------------------------------------------------------------------------------------


async def test_the_host_header_and_the_longest_prefix_choose_the_handler(listen: Listen):
    listener = await listen(
        Mount("_", "/", says("any")),
        Mount("_", "/api/deep", says("deep")),
        Mount("_", "/api", says("api")),
        Mount("Chat.Example", "/api", says("chat")),
    )

    async def ask(host: str, path: str) -> str:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        return (await exchange(listener.port, request)).text

    assert await ask("localhost", "/api/x/y") == "api:x/y"
    assert await ask("localhost:80", "/api/deep/y/") == "deep:y"
    assert await ask("CHAT.example:5", "/api/x") == "chat:x"
    assert await ask("chat.example", "/api/deep/x") == "chat:deep/x"
    assert await ask("chat.example", "/other") == "any:other"
    assert await ask("localhost", "/apix") == "any:apix"
    assert await ask("localhost", "/x/../%61pi/z") == "api:z"
    assert await ask("other", "http://chat.example/api/z") == "chat:z"


@pytest.mark.parametrize(
    "request_line",
    [b"GET /nothing HTTP/1.1", b"GET / HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT other:443 HTTP/1.1"],
)
async def test_what_no_handler_answers_is_404_without_a_body(listen: Listen, request_line: bytes):
    listener = await listen(Mount("localhost", "/api", says("api")))

    answer = await exchange(listener.port, request_line + b"\r\nHost: localhost\r\n\r\n")

    assert (answer.status, answer.body) == (404, b"")


async def test_a_handler_with_a_name_answers_no_other_host(listen: Listen):
    listener = await listen(Mount("localhost", "/", says("api")))

    assert (await exchange(listener.port, b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).status == 404
    assert (await exchange(listener.port, b"GET /a HTTP/1.0\r\n\r\n")).status == 404
    assert (await exchange(listener.port, GET)).status == 200


async def test_a_target_tells_how_the_request_came(listen: Listen):
    seen: list[Target] = []

    async def note(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        seen.append(target)
        return web.Response()

    listener = await listen(Mount("_", "/api/", note))

    await exchange(listener.port, b"GET /api/a%2Cb/?x=1&y HTTP/1.1\r\nHost: Localhost:8088\r\n\r\n")

    (target,) = seen
    assert (target.scheme, target.authority, target.host, target.prefix) == (
        "http", "Localhost:8088", "localhost", "/api",
    )  # fmt: skip
    assert target.path == (("a%2Cb",), ("a,b",))
    assert target.has_final_slash
    assert target.query == (("x", "1"), ("y", ""))
    assert target.on_loopback
    assert target.origin == "http://Localhost:8088"
    assert target._replace(authority="a:80").origin == "http://a"
    assert target._replace(authority="a:80", scheme="https").origin == "https://a:80"
    assert target._replace(authority="a:443", scheme="https").origin == "https://a"


async def test_a_listener_tells_what_it_is(listen: Listen):
    listener = await listen(Mount("_", "/api", says("a")), Mount("localhost", "/ws", says("b")))

    assert listener.port > 0
    assert (listener.scheme, listener.address) == ("http", "127.0.0.1")
    assert listener.paths == ["/api", "localhost/ws"]


async def test_a_taken_port_is_an_os_error(listen: Listen):
    first = await listen()

    with pytest.raises(OSError, match="in use"):
        await listen(port=first.port)


async def test_a_websocket_is_an_answer_like_others(listen: Listen):
    async def shout(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("xmpp",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    listener = await listen(Mount("_", "/ws", shout), Mount("_", "/api", says("api")))

    url = f"http://127.0.0.1:{listener.port}/ws"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=("xmpp",)) as socket:
        await socket.send_str("hello")
        assert (await socket.receive()).data == "HELLO"
        assert socket.protocol == "xmpp"
        assert socket._response.headers["Server"] == "mim"


# --- what is wrong is answered with a status and nothing else ---------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"<?xml version='1.0'?><stream:stream>", 400),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n", 400),
        (b"GET /a%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /a?x=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /a\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 5000 + b"\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /a HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (b"FOO /a HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"get /a HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: x\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ],
)
async def test_what_is_no_http_gets_a_status_an_empty_body_and_an_end(listen: Listen, data: bytes, status: int):
    listener = await listen(Mount("_", "/", echo))

    async with RawConnection(listener.port) as connection:
        connection.send(data)
        answer = await connection.answer()
        assert (answer.status, answer.body) == (status, b"")
        assert answer.headers["server"] == "mim"
    assert (await exchange(listener.port, GET)).status == 200


async def test_what_a_handler_raises_stays_in_the_log(listen: Listen, caplog: pytest.LogCaptureFixture):
    async def fail(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        match target.path.decoded[0]:
            case "http":
                raise web.HTTPForbidden(text="from aiohttp")
            case "timeout":
                raise TimeoutError
            case "none":
                return None  # type: ignore[return-value]  # as a careless handler does
        raise RuntimeError("a secret")

    listener = await listen(Mount("_", "/", fail))

    async def ask(path: bytes) -> tuple[int, str]:
        answer = await exchange(listener.port, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n")
        return answer.status, answer.text

    with caplog.at_level(logging.ERROR):
        assert await ask(b"/http") == (403, "")
        assert await ask(b"/error") == (500, "internal server error")
        assert await ask(b"/timeout") == (500, "internal server error")
        assert await ask(b"/none") == (500, "internal server error")
    assert "a secret" in caplog.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), is_head=st.booleans())
async def test_any_bytes_leave_the_listener_alive(listen: Listen, data: bytes, is_head: bool):
    listener = await listen(Mount("_", "/", echo))

    async with RawConnection(listener.port) as connection:
        connection.send((b"GET /a HTTP/1.1\r\nHost: localhost\r\n" if is_head else b"") + data)
        connection.writer.write_eof()
        received = await connection.closed()
    assert b" 500 " not in received
    assert b"Traceback" not in received
    assert (await exchange(listener.port, GET)).status == 200
    await listener.stop()


# --- bodies -----------------------------------------------------------------------------------------------------


async def test_bodies_come_whole_chunked_and_in_pieces(listen: Listen):
    listener = await listen(Mount("_", "/", echo))

    async with RawConnection(listener.port) as connection:
        connection.send(POST + b"Content-Length: 5\r\n\r\nhello")
        assert (await connection.answer()).body == b"hello"
        connection.send(POST + CHUNKED + b"\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
        assert (await connection.answer()).body == b"hello"
        connection.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert (await connection.answer()).status == 100
        connection.send(b"hello")
        assert (await connection.answer()).body == b"hello"


async def test_a_compressed_body_is_not_unpacked(listen: Listen):
    listener = await listen(Mount("_", "/", echo))
    packed = gzip.compress(b"a" * 100_000)

    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    assert (await exchange(listener.port, head.encode() + packed)).body == packed


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_body_over_the_limit_is_not_kept(listen: Listen, is_chunked: bool):
    listener = await listen(Mount("_", "/", echo))

    async with RawConnection(listener.port) as connection:
        if is_chunked:
            connection.send(POST + CHUNKED + b"\r\n")
            connection.send(b"1f4\r\n" + b"a" * 500 + b"\r\n1f5\r\n" + b"a" * 501 + b"\r\n0\r\n\r\n")
        else:
            connection.send(POST + b"Content-Length: 1001\r\n\r\n" + b"a" * 1001)
        assert (await connection.answer()).status == 413


@pytest.mark.parametrize("garbage", [b"zz\r\nabc\r\n", b"5\r\nabcdeXX\r\n"])
async def test_a_broken_chunk_ends_the_request_at_once(listen: Listen, garbage: bytes):
    entered = asyncio.Event()

    async def handler(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        entered.set()
        return await echo(request, target)

    listener = await listen(Mount("_", "/", handler))

    async with RawConnection(listener.port) as connection:
        connection.send(POST + CHUNKED + b"\r\n1\r\nx\r\n")
        await entered.wait()
        connection.send(garbage)
        answer = await connection.answer()
        assert answer.status == 400
        await connection.closed()


# --- time and number --------------------------------------------------------------------------------------------


async def test_a_head_that_trickles_is_cut_off(listen: Listen):
    listener = await listen(Mount("_", "/", echo), limits={"head_seconds": 0.05})

    async with RawConnection(listener.port) as connection:
        connection.send(GET)
        await connection.answer()
        connection.send(b"GET /a HTTP/1.1\r\nHo")
        assert await connection.closed() == b""


async def test_a_silent_connection_is_closed(listen: Listen):
    listener = await listen(Mount("_", "/", echo), limits={"idle_seconds": 0.05})

    async with RawConnection(listener.port) as connection:
        assert await connection.closed() == b""
    async with RawConnection(listener.port) as connection:
        connection.send(GET)
        await connection.answer()
        assert await connection.closed() == b""


async def test_a_client_that_does_not_read_is_cut_off(listen: Listen):
    done = asyncio.Event()

    async def flood(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        response = web.StreamResponse()
        try:
            await response.prepare(request)
            while True:
                await response.write(b"a" * 65536)
        finally:
            done.set()

    listener = await listen(Mount("_", "/", flood), limits={"write_seconds": 0.05})

    async with RawConnection(listener.port) as connection:
        connection.send(GET)
        async with asyncio.timeout(5):
            await done.wait()


async def test_one_connection_too_many_is_turned_away(listen: Listen):
    listener = await listen(Mount("_", "/", echo), transport={"max_connections": 2})

    async with RawConnection(listener.port) as first, RawConnection(listener.port) as second:
        for connection in (first, second):
            connection.send(GET)
            assert (await connection.answer()).status == 200
        async with RawConnection(listener.port) as third:
            assert (await third.answer()).status == 503
            await third.closed()
        first.send(GET)
        assert (await first.answer()).status == 200


async def test_pipelined_requests_are_answered_in_order(listen: Listen):
    listener = await listen(Mount("_", "/", says("p")))

    async with RawConnection(listener.port) as connection:
        connection.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(100)))
        assert [(await connection.answer()).text for _ in range(100)] == [f"p:{number}" for number in range(100)]


async def test_a_path_with_plain_utf8_is_taken(listen: Listen):
    listener = await listen(Mount("_", "/", says("p")))

    answer = await exchange(listener.port, "GET /zażółć HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert answer.text == "p:zażółć"


# --- options ------------------------------------------------------------------------------------------------------


async def test_the_server_header_is_the_files(listen: Listen):
    listener = await listen(Mount("_", "/", says("a")), server_name="Cowboy")

    assert (await exchange(listener.port, GET)).headers["server"] == "Cowboy"
    assert (await exchange(listener.port, b"garbage\r\n\r\n")).headers["server"] == "Cowboy"


async def test_answers_are_compressed_when_the_file_and_the_client_want_it(listen: Listen):
    async def long(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        return web.Response(text="a" * (10 if target.path.decoded == ("short",) else 10_000))

    async def ask(listener: HttpListener, path: bytes, accept: bytes) -> str | None:
        request = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nAccept-Encoding: " + accept + b"\r\n\r\n"
        return (await exchange(listener.port, request)).headers.get("content-encoding")

    plain = await listen(Mount("_", "/", long))
    packed = await listen(Mount("_", "/", long), protocol={"compress": True})

    assert await ask(plain, b"/", b"gzip") is None
    assert await ask(packed, b"/", b"identity") is None
    assert await ask(packed, b"/short", b"gzip") is None
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{packed.port}/") as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.text() == "a" * 10_000


@pytest.mark.parametrize(
    ("accept", "takes"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("", False)],
)
def test_which_clients_take_gzip(accept: str, takes: bool):
    assert _takes_gzip(accept) is takes


async def test_https(listen: Listen, tmp_path: Path):
    certfile, _ = self_signed(tmp_path, ["localhost"])
    listener = await listen(Mount("_", "/", says("tls")), tls={"certfile": str(certfile)})

    assert listener.scheme == "https"
    async with aiohttp.ClientSession() as session:
        url = f"https://127.0.0.1:{listener.port}/x"
        async with session.get(url, ssl=untrusting_context()) as response:
            assert await response.text() == "tls:x"
        old = untrusting_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with session.get(url, ssl=old) as response:
            assert response.status == 200


# --- shutdown -----------------------------------------------------------------------------------------------------


async def test_stopping_lets_requests_in_flight_end_and_closes_the_idle(listen: Listen):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        entered.set()
        await go_on.wait()
        return web.Response(text="done")

    stopped: list[str] = []

    async def on_stop() -> None:
        stopped.append("told")
        go_on.set()

    listener = await listen(Mount("_", "/", slow, on_stop))
    async with RawConnection(listener.port) as busy, RawConnection(listener.port) as idle:
        busy.send(GET)
        await entered.wait()
        port = listener.port

        await listener.stop()

        assert (await busy.answer()).text == "done"
        assert await idle.closed() == b""
        assert stopped == ["told"]
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_request_that_does_not_end_is_cut_off_at_the_end_of_the_grace(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mim.net.http.GRACE_SECONDS", 0.05)
    entered = asyncio.Event()

    async def stuck(request: web.BaseRequest, target: Target) -> web.StreamResponse:
        entered.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    listener = await listen(Mount("_", "/", stuck))
    async with RawConnection(listener.port) as connection:
        connection.send(GET)
        await entered.wait()

        async with asyncio.timeout(5):
            await listener.stop()

        assert await connection.closed() == b""
